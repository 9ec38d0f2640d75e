# cmake -DIN=... -DOUT=... -DNAME=... -P embed.cmake: a file as a C array NAME with a closing 0, and its size NAME_bytes without it.
file(READ "${IN}" bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE "${OUT}" "#include <stddef.h>\nextern const unsigned char ${NAME}[];\nextern const size_t ${NAME}_bytes;\nconst size_t ${NAME}_bytes = ${size};\nconst unsigned char ${NAME}[] = {\n${bytes}0};\n")
