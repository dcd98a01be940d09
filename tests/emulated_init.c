/* The first process of an emulated machine: for each pair of files NAME.asks and NAME.right of its file system it runs
 * the driver of kernels on the requests, compares every array with the right answers, says on the console what differs,
 * and switches the machine off. emulated_avx512.py is the other end; NAME begins with an instruction set and a dot. */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { HEAD = 96, MOST_TOLD = 20 }; /* bytes of a request; differences of a pair that are told */

static int is_nan(const char *at, int item) {
    float single;
    double twice;
    if (item == 4) return memcpy(&single, at, 4), isnan(single);
    return memcpy(&twice, at, 8), isnan(twice);
}

/* The first number that differs, -1 for none; the bits of a NaN are each instruction's own. */
static int64_t differs(const char *got, const char *right, int64_t bytes, int item) {
    if (!memcmp(got, right, (size_t)bytes)) return -1;
    for (int64_t i = 0; i + item <= bytes; i += item)
        if (memcmp(got + i, right + i, (size_t)item) && !(is_nan(got + i, item) && is_nan(right + i, item)))
            return i / item;
    return -1;
}

static void *bytes_of(FILE *file, int64_t count) {
    char *to = malloc((size_t)count + 1);
    return to && fread(to, 1, (size_t)count, file) == (size_t)count ? to : NULL;
}

static void compare(const char *name, FILE *asks, FILE *right, FILE *got) {
    int32_t head[HEAD / 4];
    int64_t calls = 0, bytes, told = 0, numbers = 0;
    for (; fread(head, 1, HEAD, asks) == HEAD; calls++) {
        for (int k = 0; k < head[2]; k++) {
            if (fread(&bytes, 8, 1, asks) != 1 || fseek(asks, bytes, SEEK_CUR)) bytes = 0;
            char *ours = bytes_of(got, bytes), *wanted = bytes_of(right, bytes);
            const int64_t at = ours && wanted ? differs(ours, wanted, bytes, head[1]) : 0;
            if (at >= 0 && told++ < MOST_TOLD)
                printf("fastnn: %s: call %ld, command %d, array %d of %ld bytes, number %ld differs\n", name,
                       (long)calls, head[0], k, (long)bytes, (long)at);
            numbers += bytes / head[1];
            free(ours);
            free(wanted);
        }
    }
    printf("fastnn: %s: %ld calls, %ld numbers, %ld arrays differ\n", name, (long)calls, (long)numbers, (long)told);
}

static void check(const char *name) {
    char asks[300], right[300], isa[300];
    snprintf(asks, sizeof asks, "/%s.asks", name);
    snprintf(right, sizeof right, "/%s.right", name);
    snprintf(isa, sizeof isa, "%s", name);
    isa[strcspn(isa, ".")] = 0;
    const pid_t child = fork();
    if (!child) {
        dup2(open(asks, O_RDONLY), 0);
        dup2(open("/answers", O_RDWR | O_CREAT | O_TRUNC, 0600), 1);
        execl("/driver", "/driver", isa, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status) printf("fastnn: %s: the driver ended with status %x\n", name, status);
    compare(name, fopen(asks, "rb"), fopen(right, "rb"), fopen("/answers", "rb"));
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    DIR *folder = opendir("/");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char *ending = strstr(entry->d_name, ".asks");
        if (!ending) continue;
        *ending = 0;
        check(entry->d_name);
    }
    printf("fastnn: done\n");
    tcdrain(1);
    sleep(1);
    reboot(RB_POWER_OFF);
    return 0;
}
