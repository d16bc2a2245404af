/* Compiler extensions, all of them, in one place. */
#ifndef HONE_BASE_COMPILER_H
#define HONE_BASE_COMPILER_H

#define HONE_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define HONE_NORETURN            __attribute__((noreturn))
#define HONE_UNUSED              __attribute__((unused))
#define HONE_ALWAYS_INLINE       inline __attribute__((always_inline))
#define HONE_NOINLINE            __attribute__((noinline))
#define HONE_THREAD_LOCAL        _Thread_local
#define HONE_LIKELY(x)           __builtin_expect(!!(x), 1)
#define HONE_UNLIKELY(x)         __builtin_expect(!!(x), 0)
#define HONE_COUNT(array)        ((int)(sizeof(array) / sizeof((array)[0])))
#define HONE_MIN(a, b)           ((a) < (b) ? (a) : (b))
#define HONE_MAX(a, b)           ((a) > (b) ? (a) : (b))

#endif
