/* A bar on a terminal, plain lines elsewhere, and nothing at all for work that takes less than a
 * second. Called often by the library: it looks at the clock and mostly returns. Signals set a flag
 * that the next call hands to the library. */
#include "cli/progress.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define QUIET_S      1.0 /* nothing is shown before */
#define BAR_EVERY_S  0.1 /* quick enough to look alive */
#define LINE_EVERY_S 5.0 /* of plain lines within a phase */
#define BAR_CELLS    28

typedef enum mode {
    MODE_NONE,
    MODE_PLAIN,
    MODE_BAR,
} mode;

static struct {
    mode mode;
    double start, phase_start, shown;
    char phase[32];
    bool is_on_line, phase_was_said;
} bar;

double hone_clock_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static mode mode_of(const char *name)
{
    const char *terminal = getenv("TERM");
    if (name && strcmp(name, "none") == 0)
        return MODE_NONE;
    if (name && strcmp(name, "plain") == 0)
        return MODE_PLAIN;
    if (name && strcmp(name, "bar") == 0)
        return MODE_BAR;
    return isatty(2) && terminal && strcmp(terminal, "dumb") != 0 ? MODE_BAR : MODE_PLAIN;
}

void hone_progress_start(const char *name)
{
    memset(&bar, 0, sizeof bar);
    bar.mode = mode_of(name);
    bar.start = bar.phase_start = hone_clock_s();
}

void hone_progress_end(void)
{
    hone_progress_clear();
    bar.mode = MODE_NONE;
}

void hone_progress_clear(void)
{
    if (!bar.is_on_line)
        return;
    fputs("\r\x1b[K", stderr);
    bar.is_on_line = false;
}

// ---- drawing

/* "1:07 left", or empty where nothing can be said yet. */
static void print_left(char *text, size_t room, double spent, int64_t done, int64_t total)
{
    text[0] = '\0';
    if (done <= 0 || total <= 0 || done > total || spent < QUIET_S)
        return;
    const double left = spent / (double)done * (double)(total - done);
    if (left < 60)
        snprintf(text, room, "  %.0f s left", left);
    else if (left < 24 * 3600)
        snprintf(text, room, "  %d:%02d min left", (int)left / 60, (int)left % 60);
}

static int columns(void)
{
    struct winsize size;
    return ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void draw_bar(int64_t done, int64_t total, double now)
{
    char line[256], left[32], cells[BAR_CELLS + 1];
    print_left(left, sizeof left, now - bar.phase_start, done, total);
    if (total > 0) {
        const int full = (int)((double)done / (double)total * BAR_CELLS);
        for (int i = 0; i < BAR_CELLS; i++)
            cells[i] = i < full ? '#' : '.';
        cells[BAR_CELLS] = '\0';
        snprintf(line, sizeof line, "%-10s [%s] %3.0f %%  %lld of %lld%s", bar.phase, cells,
                 100.0 * (double)done / (double)total, (long long)done, (long long)total, left);
    } else {
        snprintf(line, sizeof line, "%-10s %lld  %.0f s", bar.phase, (long long)done,
                 now - bar.phase_start);
    }
    const int room = columns() - 1;
    if (room > 0 && (size_t)room < sizeof line)
        line[room] = '\0'; /* a line that wraps could not be taken off again */
    fprintf(stderr, "\r%s\x1b[K", line);
    bar.is_on_line = true;
}

static void print_line(int64_t done, int64_t total, double now)
{
    char left[32];
    print_left(left, sizeof left, now - bar.phase_start, done, total);
    if (total > 0)
        fprintf(stderr, "%-10s %lld of %lld%s\n", bar.phase, (long long)done, (long long)total,
                left);
    else
        fprintf(stderr, "%-10s\n", bar.phase);
}

static void show(int64_t done, int64_t total, double now)
{
    if (bar.mode == MODE_BAR && now - bar.shown >= BAR_EVERY_S) {
        draw_bar(done, total, now);
        bar.shown = now;
    } else if (bar.mode == MODE_PLAIN && (!bar.phase_was_said || now - bar.shown >= LINE_EVERY_S)) {
        print_line(done, total, now);
        bar.shown = now;
        bar.phase_was_said = true;
    }
}

bool hone_progress_update(const char *phase, int64_t done, int64_t total)
{
    if (hone_interrupt_came())
        return false;
    if (bar.mode == MODE_NONE)
        return true;
    const double now = hone_clock_s();
    if (strncmp(bar.phase, phase, sizeof bar.phase - 1) != 0) {
        snprintf(bar.phase, sizeof bar.phase, "%s", phase);
        bar.phase_start = now;
        bar.phase_was_said = false;
    }
    if (now - bar.start >= QUIET_S)
        show(done, total, now);
    return true;
}

static bool on_update(void *user, const hone_progress_state *state)
{
    (void)user;
    return hone_progress_update(state->phase, state->done, state->total);
}

const hone_progress *hone_progress_callbacks(void)
{
    static const hone_progress callbacks = {.version = 1, .update = on_update};
    return &callbacks;
}

// ---- Ctrl-C

static volatile sig_atomic_t came, may_end;

static void on_signal(int number)
{
    (void)number;
    if (came || may_end) {
        static const char erase[] = "\r\x1b[K";
        if (bar.is_on_line && write(2, erase, sizeof erase - 1) < 0)
            _exit(130);
        _exit(130);
    }
    came = 1;
}

void hone_interrupt_install(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool hone_interrupt_came(void)
{
    return came != 0;
}

void hone_interrupt_allow(void)
{
    may_end = 1;
    if (came)
        _exit(130);
}

void hone_interrupt_forbid(void)
{
    may_end = 0;
}
