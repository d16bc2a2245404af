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

/* The instruction names each of its up to 128 registers: these lists are macros because neither C++ nor PTX can count
 * them. */
#define D0_31 \
    "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, " \
    "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define D32_63 \
    "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, " \
    "%49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define D64_95 \
    "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, " \
    "%81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95"
#define D96_127 \
    "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, " \
    "%111, %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, " \
    "%125, %126, %127"
#define R4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define R32(i) R4(i), R4(i + 4), R4(i + 8), R4(i + 12), R4(i + 16), R4(i + 20), R4(i + 24), R4(i + 28)
#define ONE(shape, types, list, a, b, p, transposed, ...)                                        \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, " p ", 0;\nwgmma.mma_async.sync.aligned." \
                 shape ".f32." types " {" list "}, " a ", " b ", p, 1, 1" transposed ";\n}"     \
                 : __VA_ARGS__                                                                   \
                 : "l"(x), "l"(y), "r"(adds))
#define ALL(n, list, a, b, p, ...)                                                       \
    if constexpr (sizeof(T) == 4)                                                        \
        ONE("m64n" n "k8", "tf32.tf32", list, a, b, p, "", __VA_ARGS__);                 \
    else if constexpr (IS_BF16<T>)                                                       \
        ONE("m64n" n "k16", "bf16.bf16", list, a, b, p, ", 0, 0", __VA_ARGS__);          \
    else                                                                                 \
        ONE("m64n" n "k16", "f16.f16", list, a, b, p, ", 0, 0", __VA_ARGS__)

/* x, y: tiles of a and of b, the latter's rows being columns of the product. adds: false makes it d = a * b. */
template <typename T, int N2> __device__ inline void multiply_tiles(float (&d)[N2], u64 x, u64 y, int adds)
{
    static_assert(N2 == 32 || N2 == 64 || N2 == 96 || N2 == 128, "64, 128, 192 or 256 columns");
    if constexpr (N2 == 32) {
        ALL("64", D0_31, "%32", "%33", "%34", R32(0));
    } else if constexpr (N2 == 64) {
        ALL("128", D0_31 ", " D32_63, "%64", "%65", "%66", R32(0), R32(32));
    } else if constexpr (N2 == 96) {
        ALL("192", D0_31 ", " D32_63 ", " D64_95, "%96", "%97", "%98", R32(0), R32(32), R32(64));
    } else {
        ALL("256", D0_31 ", " D32_63 ", " D64_95 ", " D96_127, "%128", "%129", "%130", R32(0), R32(32), R32(64), R32(96));
    }
}

#undef ALL
#undef ONE
#undef R32
#undef R4
#undef D96_127
#undef D64_95
#undef D32_63
#undef D0_31

/* Keeps the compiler from reading sums before products_wait() has returned. */
template <int N> __device__ inline void sums_are_there(float (&d)[N])
{
#pragma unroll
    for (int i = 0; i < N; i++)
        asm volatile("" : "+f"(d[i])::"memory");
}
