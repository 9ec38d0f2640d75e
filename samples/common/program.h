/* program.h - what all programs do alike: they stop when they are asked to, and tell when what they wrote did not arrive. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>

/* First in main. At the end of the program, however it ends, output that could not be written (a full disk) is told on standard error
 * and makes the exit status 1, or that of the signal that stopped it. A limit of file sizes makes writes fail instead of ending the program. Closed standard streams stay
 * closed: no file gets their numbers. */
void program_begin(void);

/* From here on SIGINT, SIGTERM, SIGHUP (unless ignored: nohup) and SIGPIPE of a closed terminal or pager, on Windows Ctrl-C, Ctrl-Break
 * and a closed window, only ask to stop; a second one ends the program at once. */
void program_catch_signals(void);
void program_release_signals(void); /* they end the program again */
bool program_stopping(void);
int program_stop_status(void); /* as a shell reports the signal: 130 after SIGINT */

double seconds_now(void); /* of the wall clock */

/* Where long work is: a line on a terminal's standard error that is drawn over, five times a second at most; done >= all clears it. */
void program_tell(const char *what, double done, double all);

/* Anything of that name, behind links too; a pipe is not opened. */
bool program_exists(const char *path);
bool program_is_file(const char *path);                     /* a regular one */
bool program_same_file(const char *one, const char *other); /* both exist and are one, by links or any spelling */
/* Removes the file that a path leads to; a symbolic link stays, and leads nowhere. */
void program_remove(const char *path);

#endif
