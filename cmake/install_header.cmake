# cmake -DIN=... -DOUT=... -P install_header.cmake: rewrites #include "folder/name" to #include <tuff/name>.
file(READ "${IN}" text)
string(REGEX REPLACE "#include \"([^\"\n]*/)?([^/\"\n]+)\"" "#include <tuff/\\2>" text "${text}")
file(WRITE "${OUT}" "${text}")
