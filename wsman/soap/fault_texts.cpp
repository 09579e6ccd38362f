#include "wsman/soap/fault_texts.hpp"

#include <array>

#include "base/text.hpp"

namespace wsvirt::soap {
namespace {

// As in the table of fault.cpp: the first row that fits counts, an empty detail fits every other detail.
struct Row {
    Subcode subcode;
    std::string_view detail;
    std::string_view text;
};

constexpr std::array german{
    Row{Subcode::access_denied,
        {},
        "Der Zugriff wird verweigert. Melden Sie sich als Benutzer an, dessen Rolle dies erlaubt."},
    Row{Subcode::action_not_supported, fd::action_mismatch,
        "Die Aktion gibt es, aber diese Ressource unterstützt sie nicht."},
    Row{Subcode::action_not_supported, {}, "Dieser Dienst unterstützt die Aktion nicht."},
    Row{Subcode::already_exists, {}, "Eine Ressource mit denselben Schlüsseln gibt es schon."},
    Row{Subcode::enumeration_cannot_process_filter,
        {},
        "Der Filter kann nicht verarbeitet werden. Berichtigen Sie ihn und zählen Sie von neuem auf."},
    Row{Subcode::cannot_process_filter, {}, "Der Fragmentausdruck kann nicht verarbeitet werden."},
    Row{Subcode::concurrency,
        {},
        "Ein anderer Vorgang ändert gerade dieselbe Ressource. Versuchen Sie es danach erneut."},
    Row{Subcode::destination_unreachable, fd::invalid_resource_uri,
        "Der Ressourcen-URI nennt nichts, was dieser Dienst kennt."},
    Row{Subcode::destination_unreachable, {}, "Die Ressource wurde nicht gefunden."},
    Row{Subcode::encoding_limit, fd::character_set,
        "Der Zeichensatz wird nicht unterstützt. Senden Sie UTF-8 oder UTF-16."},
    Row{Subcode::encoding_limit, fd::max_envelope_size,
        "Die Antwort ist größer als die wsman:MaxEnvelopeSize der Anfrage."},
    Row{Subcode::encoding_limit, fd::minimum_envelope_limit,
        "Die wsman:MaxEnvelopeSize muss mindestens 8192 sein."},
    Row{Subcode::encoding_limit, fd::option_limit, "Die Anfrage hat zu viele Optionen."},
    Row{Subcode::encoding_limit, fd::selector_limit, "Die Anfrage hat zu viele Selektoren."},
    Row{Subcode::encoding_limit, fd::service_envelope_limit,
        "Die Antwort ist größer, als dieser Dienst sendet."},
    Row{Subcode::encoding_limit, fd::unreportable_success,
        "Der Vorgang wurde ausgeführt, aber seine Antwort passt nicht in die wsman:MaxEnvelopeSize."},
    Row{Subcode::encoding_limit, fd::uri_limit, "Ein URI ist zu lang."},
    Row{Subcode::encoding_limit, {}, "Die Anfrage überschreitet eine Grenze dieses Dienstes."},
    Row{Subcode::endpoint_unavailable, {}, "Die Ressource ist zurzeit nicht verfügbar."},
    Row{Subcode::filter_dialect_unavailable, {}, "Der Filterdialekt wird nicht unterstützt."},
    Row{Subcode::filtering_not_supported, {}, "Diese Ressource kann nicht gefiltert werden."},
    Row{Subcode::fragment_dialect_not_supported, {}, "Der Fragmentdialekt wird nicht unterstützt."},
    Row{Subcode::internal_error, {}, "Ein interner Fehler ist aufgetreten."},
    Row{Subcode::invalid_enumeration_context,
        {},
        "Der Aufzählungskontext ist ungültig: Er ist beendet, abgelaufen oder hat nie bestanden. Zählen Sie "
        "von neuem auf."},
    Row{Subcode::invalid_expiration_time, {}, "Die Ablaufzeit ist ungültig."},
    Row{Subcode::invalid_header, {}, "Ein Kopfelement der Anfrage ist ungültig."},
    Row{Subcode::invalid_options, fd::not_supported, "Eine Option wird nicht unterstützt."},
    Row{Subcode::invalid_options, fd::invalid_name, "Eine Option ist nicht bekannt."},
    Row{Subcode::invalid_options, fd::invalid_value, "Der Wert einer Option ist ungültig."},
    Row{Subcode::invalid_options, {}, "Die Optionen sind ungültig."},
    Row{Subcode::invalid_parameter, fd::type_mismatch, "Ein Parameter hat den falschen Typ."},
    Row{Subcode::invalid_parameter, fd::invalid_name, "Ein Parameter ist nicht bekannt."},
    Row{Subcode::invalid_parameter, {}, "Ein Parameter ist ungültig."},
    Row{Subcode::invalid_representation, fd::invalid_values, "Die Darstellung enthält ungültige Werte."},
    Row{Subcode::invalid_representation, fd::missing_values, "Der Darstellung fehlen notwendige Werte."},
    Row{Subcode::invalid_representation, fd::invalid_namespace,
        "Die Darstellung liegt in einem Namensraum, der nicht zur Ressource passt."},
    Row{Subcode::invalid_representation, fd::invalid_fragment,
        "Das Fragment steht nicht in wsman:XmlFragment oder passt nicht zu seinem Ausdruck."},
    Row{Subcode::invalid_representation, {}, "Die Darstellung ist ungültig."},
    Row{Subcode::invalid_selectors, fd::insufficient_selectors,
        "Die Selektoren nennen nicht genau eine Ressource: Es fehlen Schlüssel."},
    Row{Subcode::invalid_selectors, fd::unexpected_selectors, "Ein Selektor ist kein Schlüssel der Klasse."},
    Row{Subcode::invalid_selectors, fd::type_mismatch, "Der Wert eines Selektors hat den falschen Typ."},
    Row{Subcode::invalid_selectors, fd::invalid_value, "Der Wert eines Selektors ist ungültig."},
    Row{Subcode::invalid_selectors, fd::ambiguous_selectors, "Die Selektoren nennen mehrere Ressourcen."},
    Row{Subcode::invalid_selectors, fd::duplicate_selectors, "Ein Selektor ist doppelt angegeben."},
    Row{Subcode::invalid_selectors, {}, "Die Selektoren sind ungültig."},
    Row{Subcode::header_required, {}, "Ein notwendiges Kopfelement fehlt."},
    Row{Subcode::polymorphism_not_supported,
        {},
        "Der Polymorphiemodus wird für diese Aufzählung nicht unterstützt."},
    Row{Subcode::quota_limit,
        {},
        "Der Dienst ist ausgelastet, oder ein Kontingent dieses Benutzers ist verbraucht. Versuchen Sie es "
        "später erneut."},
    Row{Subcode::schema_validation, {}, "Die Nachricht folgt nicht ihrem Schema."},
    Row{Subcode::timed_out, {}, "Der Vorgang endete nicht innerhalb seines wsman:OperationTimeout."},
    Row{Subcode::unsupported_feature, fd::addressing_mode,
        "Antworten gehen nur über dieselbe Verbindung zurück: ReplyTo und FaultTo müssen die anonyme Adresse "
        "sein."},
    Row{Subcode::unsupported_feature, fd::enumeration_mode, "Der Aufzählungsmodus wird nicht unterstützt."},
    Row{Subcode::unsupported_feature, fd::locale,
        "Eine Sprache kann nicht zugesichert werden. Senden Sie wsman:Locale ohne mustUnderstand."},
    Row{Subcode::unsupported_feature, {}, "Die Funktion wird nicht unterstützt."},
    Row{Subcode::must_understand, {}, "Ein Kopfelement mit mustUnderstand wird nicht verstanden."},
    Row{Subcode::version_mismatch, {}, "Hier wird nur SOAP 1.2 gesprochen."},
};

bool is_language(std::string_view asked, std::string_view language) {
    return iequals(asked.substr(0, asked.find('-')), language);
}

}  // namespace

LocalText local_text(Subcode s, std::string_view detail, std::string_view asked) {
    if (is_language(asked, "de"))
        for (const auto& r : german)
            if (r.subcode == s && (r.detail.empty() || r.detail == detail)) return {"de", r.text};
    return {"en-US", default_text(s, detail)};
}

}  // namespace wsvirt::soap
