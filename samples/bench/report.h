/* report.h - a page that compares result files. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

/* Writes one HTML file that needs nothing else (`tuff-bench report OUT.html A.json B.json ..`). Files that `check` does not
 * find valid are refused. Returns the exit status: 0, or 1 after a sentence on stderr; out is then as it was. */
int report_files(const char *out, int count, char **paths);

#endif
