// A disk that is full as long as the file LUMOS_FULL is there: nothing can be written to regular files, as the tests
// see it that load this library before libc.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

// True if the file is on the disk, and that is full.
static int full(int file) {
    struct stat status;
    const char *flag = getenv("LUMOS_FULL");
    return flag && fstat(file, &status) == 0 && S_ISREG(status.st_mode) && access(flag, F_OK) == 0;
}

// True if so many bytes from `offset` on would need more disk than the file has.
static int grows(int file, off_t offset, size_t bytes) {
    struct stat status;
    return fstat(file, &status) == 0 && offset + (off_t)bytes > status.st_size;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define REFUSED (errno = ENOSPC, -1)

ssize_t write(int file, const void *data, size_t bytes) {
    return full(file) ? REFUSED : NEXT(write)(file, data, bytes);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    return full(file) ? REFUSED : NEXT(writev)(file, parts, count);
}

// Blocks that the file has can be written again.
ssize_t pwrite64(int file, const void *data, size_t bytes, off64_t offset) {
    return full(file) && grows(file, offset, bytes) ? REFUSED : NEXT(pwrite64)(file, data, bytes, offset);
}

ssize_t pwrite(int file, const void *data, size_t bytes, off_t offset) {
    return pwrite64(file, data, bytes, offset);
}

int fallocate64(int file, int mode, off64_t offset, off64_t bytes) {
    return full(file) ? REFUSED : NEXT(fallocate64)(file, mode, offset, bytes);
}

int fallocate(int file, int mode, off_t offset, off_t bytes) {
    return fallocate64(file, mode, offset, bytes);
}

int posix_fallocate64(int file, off64_t offset, off64_t bytes) {
    return full(file) ? ENOSPC : NEXT(posix_fallocate64)(file, offset, bytes);
}

int posix_fallocate(int file, off_t offset, off_t bytes) {
    return posix_fallocate64(file, offset, bytes);
}
