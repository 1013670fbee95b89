/* What g++ and its C++ library take from a glibc newer than 2.28, for a library that is to load there too. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Of 2.32. 0 says that there may be threads, which is never wrong. */
char __libc_single_threaded = 0;

/* Of 2.30. */
int gettid(void) { return (int)syscall(SYS_gettid); }

/* Of 2.36, for std::random_device. */
uint32_t arc4random(void) {
	uint32_t number;
	while (getrandom(&number, sizeof number, 0) != sizeof number) {
	}
	return number;
}

typedef int wait_t(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);

/* Of 2.30, and taken from there where it is. Elsewhere the wait is by the clock of the wall: when somebody sets that
   meanwhile it ends sooner or later, as all waits of C++ did before. */
int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until) {
	static wait_t *newer;
	static int looked;
	if (!__atomic_load_n(&looked, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&newer, (wait_t *)dlsym(RTLD_DEFAULT, "pthread_cond_clockwait"), __ATOMIC_RELAXED);
		__atomic_store_n(&looked, 1, __ATOMIC_RELEASE);
	}
	wait_t *wait = __atomic_load_n(&newer, __ATOMIC_RELAXED);
	if (wait) {
		return wait(cond, mutex, clock, until);
	}
	struct timespec now, wall;
	clock_gettime(clock, &now);
	clock_gettime(CLOCK_REALTIME, &wall);
	int64_t left = (until->tv_sec - now.tv_sec) * (int64_t)1000000000 + (until->tv_nsec - now.tv_nsec);
	int64_t at = wall.tv_sec * (int64_t)1000000000 + wall.tv_nsec + (left > 0 ? left : 0);
	struct timespec end = {at / 1000000000, at % 1000000000};
	return pthread_cond_timedwait(cond, mutex, &end);
}
