/* rounding.c - floor and its kin as functions, for where gcc does not write the instruction itself.
 *
 * It does so in hot code. In functions that its profile says are cold it calls these, because of
 * -fsignaling-nans (tools/image/compile.sh); there is no libm here. The instruction is SSE4.1's,
 * which x86-64-v2 has (AMD APM volume 4, ROUNDSD: bits 1:0 of its operand are the direction, bit 2
 * takes the direction from MXCSR, bit 3 keeps inexact results silent).
 */
#define DOWN "9"
#define UP "10"
#define TO_ZERO "11"
#define AS_SET "12"

double floor(double x);
double ceil(double x);
double trunc(double x);
double nearbyint(double x);
float floorf(float x);
float ceilf(float x);
float truncf(float x);
float nearbyintf(float x);

#define DEFINE(name, type, instruction, how)                                                       \
    type name(type x)                                                                              \
    {                                                                                              \
        __asm__(instruction " $" how ", %0, %0" : "+x"(x));                                        \
        return x;                                                                                  \
    }

DEFINE(floor, double, "roundsd", DOWN)
DEFINE(ceil, double, "roundsd", UP)
DEFINE(trunc, double, "roundsd", TO_ZERO)
DEFINE(nearbyint, double, "roundsd", AS_SET)
DEFINE(floorf, float, "roundss", DOWN)
DEFINE(ceilf, float, "roundss", UP)
DEFINE(truncf, float, "roundss", TO_ZERO)
DEFINE(nearbyintf, float, "roundss", AS_SET)
