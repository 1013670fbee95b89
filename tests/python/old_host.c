/* An extension that loads Lumos as SQLite 3.39.0 would: with the shorter table of functions of that
** version, which ends where the process may not read on. It needs no header of SQLite. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FUNCTIONS_OF_3_39 = 265, LIBVERSION = 66, LIBVERSION_NUMBER = 67 };

typedef void (*function)(void);
typedef int (*entry_point)(void *db, char **error, function *api);

static const char *libversion(void) { return "3.39.0"; }
static int libversion_number(void) { return 3039000; }

int sqlite3_oldhost_init(void *db, char **error, function *api) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t size = FUNCTIONS_OF_3_39 * sizeof(function);
  char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) != 0) return 1;
  function *old = (function *)(pages + page - size);
  memcpy(old, api, size);
  old[LIBVERSION] = (function)libversion;
  old[LIBVERSION_NUMBER] = (function)libversion_number;
  void *lumos = dlopen(getenv("LUMOS_FILE"), RTLD_NOW);
  entry_point entry = lumos ? (entry_point)dlsym(lumos, getenv("LUMOS_ENTRY")) : NULL;
  return entry ? entry(db, error, old) : 1;
}
