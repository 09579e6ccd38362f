#include "cim/om/store.hpp"

#include <sqlite3.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <utility>

namespace wsvirt::cim {

namespace {

// Raised by one with every change of the tables; upgrade() brings an older file up to it.
constexpr int schema_version = 1;

constexpr const char* create_tables =
    "CREATE TABLE documents(kind TEXT NOT NULL, key TEXT NOT NULL, text BLOB NOT NULL,"
    " PRIMARY KEY(kind, key)) WITHOUT ROWID";

struct CloseDatabase {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
struct FinalizeStatement {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

Error error_of(sqlite3* db, int code) {
    const bool full = (code & 0xff) == SQLITE_FULL ||
                      ((code & 0xff) == SQLITE_IOERR && db != nullptr && sqlite3_system_errno(db) == ENOSPC);
    const std::string detail = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
    if (full)
        return {Status::no_space,
                "wsvirt.store.full",
                "The disk that holds the state database of this service is full: free some space there.",
                {},
                detail};
    return {Status::failed,
            "wsvirt.store.failed",
            "The state database of this service cannot be used.",
            {},
            detail};
}

}  // namespace

enum class Sql : std::uint8_t {
    put,
    insert,
    get,
    erase,
    list,
    count,
    begin,
    commit,
    rollback,
    savepoint,
    release,
    undo,
    last
};

struct Store::Impl {
    Database db;
    std::array<Statement, static_cast<std::size_t>(Sql::last)> statements;
    std::recursive_mutex mutex;  // one connection: calls take turns, transaction() calls nest
    int depth = 0;

    Result<void> prepare_all();
    Result<void> execute(const char* sql);
    Result<void> upgrade();
    Result<void> check();
    sqlite3_stmt* statement(Sql s) { return statements[static_cast<std::size_t>(s)].get(); }
    Result<void> run(Sql s);
};

namespace {

// One use of a prepared statement: binds, steps, and resets at the end whatever happens.
class Use {
  public:
    Use(sqlite3* db, sqlite3_stmt* s) : db_(db), s_(s) {}
    ~Use() {
        sqlite3_reset(s_);
        sqlite3_clear_bindings(s_);
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    Use& text(std::string_view t) {
        // A null pointer would bind SQL's NULL, an empty string_view may have one.
        sqlite3_bind_text64(s_, ++at_, t.data() == nullptr ? "" : t.data(), t.size(), SQLITE_STATIC,
                            SQLITE_UTF8);
        return *this;
    }
    Use& blob(std::string_view t) {
        if (t.empty())
            sqlite3_bind_zeroblob(s_, ++at_, 0);
        else
            sqlite3_bind_blob64(s_, ++at_, t.data(), t.size(), SQLITE_STATIC);
        return *this;
    }
    Use& number(std::size_t n) {
        sqlite3_bind_int64(s_, ++at_, static_cast<sqlite3_int64>(n));
        return *this;
    }
    // Whether there is a row.
    Result<bool> step() {
        code_ = sqlite3_step(s_);
        if (code_ == SQLITE_ROW) return true;
        if (code_ == SQLITE_DONE) return false;
        return error_of(db_, sqlite3_extended_errcode(db_));
    }
    int code() const { return code_; }
    std::string column(int c) const {
        const auto* data = static_cast<const char*>(sqlite3_column_blob(s_, c));
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(s_, c));
        return data == nullptr ? std::string() : std::string(data, size);
    }
    std::int64_t integer(int c) const { return sqlite3_column_int64(s_, c); }

  private:
    sqlite3* db_;
    sqlite3_stmt* s_;
    int at_ = 0;
    int code_ = SQLITE_OK;
};

}  // namespace

Result<void> Store::Impl::execute(const char* sql) {
    const int code = sqlite3_exec(db.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return error_of(db.get(), sqlite3_extended_errcode(db.get()));
    return {};
}

Result<void> Store::Impl::run(Sql s) {
    Use use(db.get(), statement(s));
    const auto r = use.step();
    if (!r) return r.error();
    return {};
}

Result<void> Store::Impl::prepare_all() {
    constexpr std::array<const char*, static_cast<std::size_t>(Sql::last)> sql{
        "INSERT INTO documents VALUES(?,?,?) ON CONFLICT DO UPDATE SET text=excluded.text",
        "INSERT INTO documents VALUES(?,?,?)",
        "SELECT text FROM documents WHERE kind=? AND key=?",
        "DELETE FROM documents WHERE kind=? AND key=?",
        "SELECT key, text FROM documents WHERE kind=? AND key>? ORDER BY key LIMIT ?",
        "SELECT count(*) FROM documents WHERE kind=?",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT inner_work",
        "RELEASE inner_work",
        "ROLLBACK TO inner_work"};
    for (std::size_t i = 0; i < sql.size(); ++i) {
        sqlite3_stmt* made = nullptr;
        const int code = sqlite3_prepare_v3(db.get(), sql[i], -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
        if (code != SQLITE_OK) return error_of(db.get(), sqlite3_extended_errcode(db.get()));
        statements[i].reset(made);
    }
    return {};
}

Result<void> Store::Impl::upgrade() {
    sqlite3_stmt* asked = nullptr;
    if (sqlite3_prepare_v2(db.get(), "PRAGMA user_version", -1, &asked, nullptr) != SQLITE_OK)
        return error_of(db.get(), sqlite3_extended_errcode(db.get()));
    const Statement owner(asked);
    if (sqlite3_step(asked) != SQLITE_ROW) return error_of(db.get(), sqlite3_extended_errcode(db.get()));
    const int version = sqlite3_column_int(asked, 0);
    sqlite3_reset(asked);
    if (version > schema_version)
        return Error(Status::failed, "wsvirt.store.newer",
                     "The state database was written by a newer version of this service: run that version, "
                     "or move the file away.");
    if (version == schema_version) return {};
    if (auto r = execute("BEGIN IMMEDIATE"); !r) return r;
    if (auto r = execute(create_tables); !r) return r;
    const std::string mark = "PRAGMA user_version=" + std::to_string(schema_version);
    if (auto r = execute(mark.c_str()); !r) return r;
    return execute("COMMIT");
}

// What cannot be read would be taken for what is not there: reads of all of it are done once, at the start.
Result<void> Store::Impl::check() {
    sqlite3_stmt* asked = nullptr;
    if (sqlite3_prepare_v2(db.get(), "PRAGMA quick_check(1)", -1, &asked, nullptr) != SQLITE_OK)
        return error_of(db.get(), sqlite3_extended_errcode(db.get()));
    const Statement owner(asked);
    Use use(db.get(), asked);
    const auto r = use.step();
    const auto said = r && *r ? use.column(0) : std::string();
    if (said == "ok") return {};
    return Error(Status::failed, "wsvirt.store.damaged",
                 "The state database of this service is damaged or cannot be read: put a copy of it back, or "
                 "move it away to begin without its jobs and planned systems.",
                 {}, r ? said : r.error().detail);
}

Store::Store() : impl_(std::make_unique<Impl>()) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& file) {
    std::unique_ptr<Store> store(new Store);
    sqlite3* db = nullptr;
    const int code = sqlite3_open_v2(
        file.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    store->impl_->db.reset(db);
    if (code != SQLITE_OK) {
        Error e = error_of(db, code);
        e.subject = file.string();
        return e;
    }
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, 5000);
    // FULL: a commit is on the disk when the call returns. A job's row must be there before its work begins,
    // also when the whole host loses power, or a machine could be found that nobody asked for.
    auto ready = store->impl_->execute("PRAGMA journal_mode=WAL");
    for (const char* pragma :
         {"PRAGMA synchronous=FULL", "PRAGMA foreign_keys=OFF", "PRAGMA temp_store=MEMORY"})
        if (ready) ready = store->impl_->execute(pragma);
    if (ready) ready = store->impl_->upgrade();
    if (ready) ready = store->impl_->check();
    if (ready) ready = store->impl_->prepare_all();
    if (ready) return store;
    Error e = ready.error();
    e.subject = file.string();
    return e;
}

Result<void> Store::put(std::string_view kind, std::string_view key, std::string_view text) {
    const std::scoped_lock lock(impl_->mutex);
    Use use(impl_->db.get(), impl_->statement(Sql::put));
    const auto r = use.text(kind).text(key).blob(text).step();
    if (!r) return r.error();
    return {};
}

Result<void> Store::insert(std::string_view kind, std::string_view key, std::string_view text) {
    const std::scoped_lock lock(impl_->mutex);
    Use use(impl_->db.get(), impl_->statement(Sql::insert));
    const auto r = use.text(kind).text(key).blob(text).step();
    if (r) return {};
    if ((use.code() & 0xff) == SQLITE_CONSTRAINT)
        return Error(Status::already_exists, "wsvirt.store.exists", "There is one with this name already.",
                     std::string(key));
    return r.error();
}

Result<std::optional<std::string>> Store::get(std::string_view kind, std::string_view key) {
    const std::scoped_lock lock(impl_->mutex);
    Use use(impl_->db.get(), impl_->statement(Sql::get));
    const auto r = use.text(kind).text(key).step();
    if (!r) return r.error();
    if (!*r) return std::optional<std::string>();
    return std::optional<std::string>(use.column(0));
}

Result<bool> Store::erase(std::string_view kind, std::string_view key) {
    const std::scoped_lock lock(impl_->mutex);
    Use use(impl_->db.get(), impl_->statement(Sql::erase));
    const auto r = use.text(kind).text(key).step();
    if (!r) return r.error();
    return sqlite3_changes(impl_->db.get()) > 0;
}

Result<std::vector<Store::Row>> Store::list(std::string_view kind, std::string_view after,
                                            std::size_t limit) {
    const std::scoped_lock lock(impl_->mutex);
    Use use(impl_->db.get(), impl_->statement(Sql::list));
    use.text(kind).text(after).number(limit);
    std::vector<Row> rows;
    for (;;) {
        const auto r = use.step();
        if (!r) return r.error();
        if (!*r) return rows;
        rows.push_back({use.column(0), use.column(1)});
    }
}

Result<std::uint64_t> Store::count(std::string_view kind) {
    const std::scoped_lock lock(impl_->mutex);
    Use use(impl_->db.get(), impl_->statement(Sql::count));
    const auto r = use.text(kind).step();
    if (!r) return r.error();
    return static_cast<std::uint64_t>(use.integer(0));
}

Result<void> Store::transaction(const std::function<Result<void>()>& work) {
    const std::scoped_lock lock(impl_->mutex);
    const bool outer = impl_->depth == 0;
    if (auto r = impl_->run(outer ? Sql::begin : Sql::savepoint); !r) return r;

    // Undoes what was done unless it was committed, also when `work` throws.
    struct Undo {
        Impl& impl;
        bool outer, done = false;
        ~Undo() {
            --impl.depth;
            if (done) return;
            // SQLite may have rolled back by itself (disk full); a second rollback then only says so.
            (void)impl.run(outer ? Sql::rollback : Sql::undo);
            if (!outer) (void)impl.run(Sql::release);
        }
    };
    ++impl_->depth;
    Undo undo{*impl_, outer};
    if (auto r = work(); !r) return r;
    if (auto r = impl_->run(outer ? Sql::commit : Sql::release); !r) return r;
    undo.done = true;
    return {};
}

}  // namespace wsvirt::cim
