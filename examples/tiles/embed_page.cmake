# cmake -DINPUT=page.html -DOUTPUT=page.cc -P embed_page.cmake
# Writes a source file that defines tiles::page_html().
file(READ "${INPUT}" page)
file(WRITE "${OUTPUT}" "// Made from page.html.
#include \"page.h\"

namespace tiles {

std::string_view page_html() { return R\"page_html(${page})page_html\"; }

}  // namespace tiles
")
