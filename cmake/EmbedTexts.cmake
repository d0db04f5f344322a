# SPDX-License-Identifier: Apache-2.0
# cmake -DOUTPUT=FILE.cc -DHEADER=PATH -DNAMESPACE=NAME "-DTEXTS=FILE;..." -P EmbedTexts.cmake
# Writes a source file that defines what HEADER declares, a std::string_view for each FILE: NAME.html is
# kNAME with the parts between underscores capitalised (flush_table.html: kFlushTable). The line of the licence at its
# beginning is left out.
set(source "// Made of files in src/ by cmake/EmbedTexts.cmake.\n#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\n\n")
foreach(text ${TEXTS})
  file(READ ${text} content)
  string(REGEX REPLACE "^[^\n]*SPDX-License-Identifier[^\n]*\n" "" content "${content}")
  get_filename_component(words ${text} NAME_WE)
  string(REPLACE "_" ";" words ${words})
  set(name k)
  foreach(word ${words})
    string(SUBSTRING ${word} 0 1 first)
    string(TOUPPER ${first} first)
    string(SUBSTRING ${word} 1 -1 rest)
    string(APPEND name ${first}${rest})
  endforeach()
  string(APPEND source "const std::string_view ${name} = R\"===(${content})===\";\n\n")
endforeach()
file(WRITE ${OUTPUT} "${source}}  // namespace ${NAMESPACE}\n")
