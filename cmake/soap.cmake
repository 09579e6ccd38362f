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
        COMMAND ${SOAPCPP2} -2 -L -x -w -C -c++17 -d${out} -I${GSOAP_IMPORT} ${input}
        DEPENDS ${input}
        VERBATIM)
    set_source_files_properties(${out}/soapC.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
    add_library(wsvirt_soap_generated STATIC ${out}/soapC.cpp)
    target_compile_options(wsvirt_soap_generated PRIVATE -w)
    target_include_directories(wsvirt_soap_generated SYSTEM PUBLIC ${out})
    target_link_libraries(wsvirt_soap_generated PUBLIC PkgConfig::GSOAP)
    target_link_libraries(${target} PRIVATE wsvirt_soap_generated)
endfunction()
