# Writes provider_registry.cpp from the Provider qualifiers of the MOF files: a class with Provider("X") must have
# a function make_X(Services&); when it is missing, the linker names it. There is no list to edit.
function(wsvirt_provider_registry target)
    set(out ${CMAKE_BINARY_DIR}/generated/provider_registry.cpp)
    file(GLOB_RECURSE mofs CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/schemas/*.mof)
    add_custom_command(
        OUTPUT ${out}
        COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DSCHEMAS=${CMAKE_SOURCE_DIR}/schemas
                -P ${CMAKE_SOURCE_DIR}/cmake/write_provider_registry.cmake
        DEPENDS ${mofs} ${CMAKE_SOURCE_DIR}/cmake/write_provider_registry.cmake
        VERBATIM)
    set_source_files_properties(${out} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
    target_sources(${target} PRIVATE ${out})
endfunction()
