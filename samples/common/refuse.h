/* refuse.h - how programs say no: to a wrong use of them, and by an error of Tuff's kind; and what they say of Tuff's log. */
#ifndef REFUSE_H
#define REFUSE_H

#include <tuff/tuff.h>

/* The sentence and where the options are listed, on standard error; ends the program with 2. */
void wrong_use(const char *program, const char *format, ...) TUFF_PRINTF(2, 3);
/* The place of a text among names that NULL ends; wrong use where it is none of them. */
int option_among(const char *program, const char *option, const char *text, const char *const *names);
/* A whole number of least .. most; wrong use where it is none. */
uint32_t option_whole(const char *program, const char *option, const char *text, uint32_t least, uint32_t most);

/* Fills the error; returns its status. */
tuff_status refuse(struct tuff_error *error, tuff_status status, const char *format, ...) TUFF_PRINTF(3, 4);

/* tuff_options.log of programs, on standard error. user: those options. Errors come back as struct tuff_error, and are told here only where a level or debug asks for it. */
void program_log(void *user, enum tuff_log_level level, const char *message);

#endif
