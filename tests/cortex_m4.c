/* How a Cortex-M4 begins: its vectors, and the floating-point unit switched on before the C library takes over. */
#include <stdint.h>

extern uint32_t stack_top;
void _start(void);

static void reset(void) {
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* CPACR: full access to coprocessors 10 and 11 */
    __asm volatile("dsb\n\tisb");
    _start();
}

static void fault(void) {
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    &stack_top, (void *)reset, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
};
