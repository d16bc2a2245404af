/* What compute capability 9.0 alone has: barriers in shared memory that count bytes, bulk copies that report to them, and
 * products of four warps whose operands lie in shared memory. */

/* ---- barriers of the block: addresses of eight bytes in shared memory ---- */

__device__ inline void barrier_init(u32 barrier, int arrivals)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

/* Barriers that were set up are seen by the copy engine and by other blocks of the cluster. */
__device__ inline void barriers_are_ready()
{
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ inline void barrier_arrive(u32 barrier)
{
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

/* One arrival, and so many bytes of bulk copies to wait for. */
__device__ inline void barrier_expect(u32 barrier, u32 bytes)
{
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

/* One arrival when all 16-byte copies that this thread has begun are there. */
__device__ inline void barrier_arrive_after_copies(u32 barrier)
{
    asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(barrier) : "memory");
}

/* Returns when the phase of this parity has ended. The one before the first counts as ended with parity 1. */
__device__ inline void barrier_wait(u32 barrier, u32 parity)
{
    asm volatile("{\n.reg .pred done;\nagain:\n"
                 "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
                 "@done bra end;\nbra again;\nend:\n}" ::"r"(barrier),
                 "r"(parity)
                 : "memory");
}

/* `bytes`, a multiple of 16, from neighbouring memory to neighbouring shared memory. */
__device__ inline void copy_bulk(u32 to, const void *from, u32 bytes, u32 barrier)
{
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to),
                 "l"(from), "r"(bytes), "r"(barrier)
                 : "memory");
}

/* Products read shared memory past the threads' own view of it: what threads stored, or copied 16 bytes at a time, is
 * seen by products after this. */
__device__ inline void show_stores_to_products()
{
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/* ---- registers move from those who copy to those who multiply; all warps of four take part ---- */

template <int N> __device__ inline void take_registers()
{
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N));
}

template <int N> __device__ inline void leave_registers()
{
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N));
}

/* ---- products: d += a * b over 32 bytes of K, 64 x N results of four warps, float32 sums ----
 *
 * Warp i of the four has rows 16 i to 16 i + 15; lane l has of columns 8 j + 2 (l % 4) and the next the sums
 * d[4 j], d[4 j + 1] for row l / 4 and d[4 j + 2], d[4 j + 3] for row l / 4 + 8. */

/* Rows of 128 bytes, whose 16-byte pieces c lie at c ^ row % 8; the tile begins at a multiple of 1024. */
__device__ inline u64 swizzled_tile(u32 at)
{
    return (u64)(at >> 4 & 0x3fff) | (u64)1 << 16 | (u64)(1024 >> 4) << 32 | (u64)1 << 62;
}

/* 16-byte pieces of neighbouring rows beside each other; `pitch` bytes from one piece of a row to the next. */
__device__ inline u64 plain_tile(u32 at, u32 pitch)
{
    return (u64)(at >> 4 & 0x3fff) | (u64)(pitch >> 4) << 16 | (u64)(128 >> 4) << 32;
}

/* Before the first product, and where registers of sums were touched since the last. */
__device__ inline void products_begin()
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ inline void products_commit()
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/* Returns when all but the N youngest groups of products are done. */
template <int N> __device__ inline void products_wait()
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

template <typename T> constexpr bool IS_BF16 = false;
template <> constexpr bool IS_BF16<bf16> = true;

/* The instruction names each of its registers: lists of 4, 8, ... of them, each longer by four than the one before,
 * because neither C++ nor PTX can count them. */
#define FOUR(a, b, c, d) "%" #a ", %" #b ", %" #c ", %" #d
#define SUMS4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define NAMES_4 FOUR(0, 1, 2, 3)
#define SUMS_4 SUMS4(0)
#define NAMES_8 NAMES_4 ", " FOUR(4, 5, 6, 7)
#define SUMS_8 SUMS_4, SUMS4(4)
#define NAMES_12 NAMES_8 ", " FOUR(8, 9, 10, 11)
#define SUMS_12 SUMS_8, SUMS4(8)
#define NAMES_16 NAMES_12 ", " FOUR(12, 13, 14, 15)
#define SUMS_16 SUMS_12, SUMS4(12)
#define NAMES_20 NAMES_16 ", " FOUR(16, 17, 18, 19)
#define SUMS_20 SUMS_16, SUMS4(16)
#define NAMES_24 NAMES_20 ", " FOUR(20, 21, 22, 23)
#define SUMS_24 SUMS_20, SUMS4(20)
#define NAMES_28 NAMES_24 ", " FOUR(24, 25, 26, 27)
#define SUMS_28 SUMS_24, SUMS4(24)
#define NAMES_32 NAMES_28 ", " FOUR(28, 29, 30, 31)
#define SUMS_32 SUMS_28, SUMS4(28)
#define NAMES_36 NAMES_32 ", " FOUR(32, 33, 34, 35)
#define SUMS_36 SUMS_32, SUMS4(32)
#define NAMES_40 NAMES_36 ", " FOUR(36, 37, 38, 39)
#define SUMS_40 SUMS_36, SUMS4(36)
#define NAMES_44 NAMES_40 ", " FOUR(40, 41, 42, 43)
#define SUMS_44 SUMS_40, SUMS4(40)
#define NAMES_48 NAMES_44 ", " FOUR(44, 45, 46, 47)
#define SUMS_48 SUMS_44, SUMS4(44)
#define NAMES_52 NAMES_48 ", " FOUR(48, 49, 50, 51)
#define SUMS_52 SUMS_48, SUMS4(48)
#define NAMES_56 NAMES_52 ", " FOUR(52, 53, 54, 55)
#define SUMS_56 SUMS_52, SUMS4(52)
#define NAMES_60 NAMES_56 ", " FOUR(56, 57, 58, 59)
#define SUMS_60 SUMS_56, SUMS4(56)
#define NAMES_64 NAMES_60 ", " FOUR(60, 61, 62, 63)
#define SUMS_64 SUMS_60, SUMS4(60)
#define NAMES_68 NAMES_64 ", " FOUR(64, 65, 66, 67)
#define SUMS_68 SUMS_64, SUMS4(64)
#define NAMES_72 NAMES_68 ", " FOUR(68, 69, 70, 71)
#define SUMS_72 SUMS_68, SUMS4(68)
#define NAMES_76 NAMES_72 ", " FOUR(72, 73, 74, 75)
#define SUMS_76 SUMS_72, SUMS4(72)
#define NAMES_80 NAMES_76 ", " FOUR(76, 77, 78, 79)
#define SUMS_80 SUMS_76, SUMS4(76)
#define NAMES_84 NAMES_80 ", " FOUR(80, 81, 82, 83)
#define SUMS_84 SUMS_80, SUMS4(80)
#define NAMES_88 NAMES_84 ", " FOUR(84, 85, 86, 87)
#define SUMS_88 SUMS_84, SUMS4(84)
#define NAMES_92 NAMES_88 ", " FOUR(88, 89, 90, 91)
#define SUMS_92 SUMS_88, SUMS4(88)
#define NAMES_96 NAMES_92 ", " FOUR(92, 93, 94, 95)
#define SUMS_96 SUMS_92, SUMS4(92)
#define NAMES_100 NAMES_96 ", " FOUR(96, 97, 98, 99)
#define SUMS_100 SUMS_96, SUMS4(96)
#define NAMES_104 NAMES_100 ", " FOUR(100, 101, 102, 103)
#define SUMS_104 SUMS_100, SUMS4(100)
#define NAMES_108 NAMES_104 ", " FOUR(104, 105, 106, 107)
#define SUMS_108 SUMS_104, SUMS4(104)
#define NAMES_112 NAMES_108 ", " FOUR(108, 109, 110, 111)
#define SUMS_112 SUMS_108, SUMS4(108)
#define NAMES_116 NAMES_112 ", " FOUR(112, 113, 114, 115)
#define SUMS_116 SUMS_112, SUMS4(112)
#define NAMES_120 NAMES_116 ", " FOUR(116, 117, 118, 119)
#define SUMS_120 SUMS_116, SUMS4(116)
#define NAMES_124 NAMES_120 ", " FOUR(120, 121, 122, 123)
#define SUMS_124 SUMS_120, SUMS4(120)
#define NAMES_128 NAMES_124 ", " FOUR(124, 125, 126, 127)
#define SUMS_128 SUMS_124, SUMS4(124)
#define ONE(shape, types, names, a, b, p, transposed, ...)                                       \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, " p ", 0;\nwgmma.mma_async.sync.aligned." \
                 shape ".f32." types " {" names "}, " a ", " b ", p, 1, 1" transposed ";\n}"    \
                 : __VA_ARGS__                                                                   \
                 : "l"(x), "l"(y), "r"(adds))
#define PRODUCT(n, names, a, b, p, ...)                                                  \
    if constexpr (sizeof(T) == 4)                                                        \
        ONE("m64n" n "k8", "tf32.tf32", names, a, b, p, "", __VA_ARGS__);                \
    else if constexpr (IS_BF16<T>)                                                       \
        ONE("m64n" n "k16", "bf16.bf16", names, a, b, p, ", 0, 0", __VA_ARGS__);         \
    else                                                                                 \
        ONE("m64n" n "k16", "f16.f16", names, a, b, p, ", 0, 0", __VA_ARGS__)

/* x, y: tiles of a and of b, the latter's rows being columns of the product. adds: false makes it d = a * b. */
template <typename T, int N2> __device__ inline void multiply_tiles(float (&d)[N2], u64 x, u64 y, int adds)
{
    if constexpr (N2 == 8) {
        PRODUCT("16", NAMES_8, "%8", "%9", "%10", SUMS_8);
    } else if constexpr (N2 == 12) {
        PRODUCT("24", NAMES_12, "%12", "%13", "%14", SUMS_12);
    } else if constexpr (N2 == 16) {
        PRODUCT("32", NAMES_16, "%16", "%17", "%18", SUMS_16);
    } else if constexpr (N2 == 20) {
        PRODUCT("40", NAMES_20, "%20", "%21", "%22", SUMS_20);
    } else if constexpr (N2 == 24) {
        PRODUCT("48", NAMES_24, "%24", "%25", "%26", SUMS_24);
    } else if constexpr (N2 == 32) {
        PRODUCT("64", NAMES_32, "%32", "%33", "%34", SUMS_32);
    } else if constexpr (N2 == 36) {
        PRODUCT("72", NAMES_36, "%36", "%37", "%38", SUMS_36);
    } else if constexpr (N2 == 40) {
        PRODUCT("80", NAMES_40, "%40", "%41", "%42", SUMS_40);
    } else if constexpr (N2 == 48) {
        PRODUCT("96", NAMES_48, "%48", "%49", "%50", SUMS_48);
    } else if constexpr (N2 == 56) {
        PRODUCT("112", NAMES_56, "%56", "%57", "%58", SUMS_56);
    } else if constexpr (N2 == 64) {
        PRODUCT("128", NAMES_64, "%64", "%65", "%66", SUMS_64);
    } else if constexpr (N2 == 80) {
        PRODUCT("160", NAMES_80, "%80", "%81", "%82", SUMS_80);
    } else if constexpr (N2 == 96) {
        PRODUCT("192", NAMES_96, "%96", "%97", "%98", SUMS_96);
    } else if constexpr (N2 == 128) {
        PRODUCT("256", NAMES_128, "%128", "%129", "%130", SUMS_128);
    } else {
        static_assert(N2 < 0, "no product of so many columns is written out here");
    }
}

#undef PRODUCT
#undef ONE
#undef FOUR
#undef SUMS4
#undef NAMES_4
#undef SUMS_4
#undef NAMES_8
#undef SUMS_8
#undef NAMES_12
#undef SUMS_12
#undef NAMES_16
#undef SUMS_16
#undef NAMES_20
#undef SUMS_20
#undef NAMES_24
#undef SUMS_24
#undef NAMES_28
#undef SUMS_28
#undef NAMES_32
#undef SUMS_32
#undef NAMES_36
#undef SUMS_36
#undef NAMES_40
#undef SUMS_40
#undef NAMES_44
#undef SUMS_44
#undef NAMES_48
#undef SUMS_48
#undef NAMES_52
#undef SUMS_52
#undef NAMES_56
#undef SUMS_56
#undef NAMES_60
#undef SUMS_60
#undef NAMES_64
#undef SUMS_64
#undef NAMES_68
#undef SUMS_68
#undef NAMES_72
#undef SUMS_72
#undef NAMES_76
#undef SUMS_76
#undef NAMES_80
#undef SUMS_80
#undef NAMES_84
#undef SUMS_84
#undef NAMES_88
#undef SUMS_88
#undef NAMES_92
#undef SUMS_92
#undef NAMES_96
#undef SUMS_96
#undef NAMES_100
#undef SUMS_100
#undef NAMES_104
#undef SUMS_104
#undef NAMES_108
#undef SUMS_108
#undef NAMES_112
#undef SUMS_112
#undef NAMES_116
#undef SUMS_116
#undef NAMES_120
#undef SUMS_120
#undef NAMES_124
#undef SUMS_124
#undef NAMES_128
#undef SUMS_128

/* Keeps the compiler from reading sums before products_wait() has returned. */
template <int N> __device__ inline void sums_are_there(float (&d)[N])
{
#pragma unroll
    for (int i = 0; i < N; i++)
        asm volatile("" : "+f"(d[i])::"memory");
}
