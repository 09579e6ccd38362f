# gSOAP: soapcpp2 turns wsman/soap/envelope.h into the serializers of the envelope, at build time.
# The generated sources and gSOAP's own runtime are not ours, so they compile without our warnings.
find_program(SOAPCPP2 soapcpp2 REQUIRED)
find_path(GSOAP_IMPORT NAMES wsa.h PATHS /usr/share/gsoap/import REQUIRED)

function(wsvirt_soap_sources target)
    set(input ${CMAKE_SOURCE_DIR}/wsman/soap/envelope.h)
    if(NOT EXISTS ${input})
        return()
    endif()
    set(out ${CMAKE_BINARY_DIR}/generated/soap)
    file(MAKE_DIRECTORY ${out})
    add_custom_command(
        OUTPUT ${out}/soapC.cpp ${out}/soapH.h ${out}/soapStub.h
        COMMAND ${SOAPCPP2} -2 -L -x -w -C -c++17 -d${out} -I${GSOAP_IMPORT} ${input} > ${out}/soapcpp2.log
        DEPENDS ${input}
        VERBATIM)
    # In the room's own library, because its hand-written serializers and the generated ones need each other.
    target_sources(${target} PRIVATE ${out}/soapC.cpp ${out}/soapH.h)
    set_source_files_properties(${out}/soapC.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON COMPILE_OPTIONS "-w")
    target_include_directories(${target} SYSTEM PRIVATE ${out})
endfunction()
