/* Single instructions by name: asynchronous copies, fragments, products, clusters, programmatic launch. */

__device__ inline u32 shared_address(const void *p)
{
    return (u32)__cvta_generic_to_shared(p);
}

/* ---- programmatic dependent launch: nothing before compute capability 9.0 ---- */

/* What the predecessor in the stream or graph wrote is there afterwards. Every block calls it. */
__device__ inline void wait_for_predecessor()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/* The same, once `known` (not 0) is: the assembler would wait first and compute afterwards. Addresses go in here, so that
 * they are found while the predecessor ends. */
__device__ inline void wait_for_predecessor(u64 known)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("{\n.reg .pred p;\nsetp.ne.u64 p, %0, 0;\n@p griddepcontrol.wait;\n}" ::"l"(known) : "memory");
#endif
}

/* The successor may begin what does not depend on this kernel. */
__device__ inline void let_successor_begin()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/* 16 bytes in one store. */
__device__ inline void store16(void *to, const u32 (&w)[4])
{
    asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(to), "r"(w[0]), "r"(w[1]), "r"(w[2]), "r"(w[3])
                 : "memory");
}

#if __CUDA_ARCH__ >= 800

/* ---- asynchronous copies to shared memory, 16 bytes each ---- */

/* Zeros where the source is not there; it is not read then. */
__device__ inline void copy16(u32 to, const void *from, bool is_there)
{
    const int bytes = is_there ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}

__device__ inline void copy_commit()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/* Returns when all but the N youngest groups of this thread have arrived. */
template <int N> __device__ inline void copy_wait()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

/* ---- fragments: four 8 x 8 matrices of 16-bit words, lane l giving the address of row l % 8 of matrix l / 8 ---- */

__device__ inline void load_matrices(u32 (&f)[4], u32 at)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(f[0]), "=r"(f[1]), "=r"(f[2]), "=r"(f[3])
                 : "r"(at)
                 : "memory");
}

__device__ inline void load_matrices_transposed(u32 (&f)[4], u32 at)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(f[0]), "=r"(f[1]), "=r"(f[2]), "=r"(f[3])
                 : "r"(at)
                 : "memory");
}

/* ---- c += a * b over 32 bytes of K: 16 x 8 results, float32 sums ---- */

__device__ inline void multiply(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, f16)
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ inline void multiply(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, bf16)
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* float32 operands rounded to tf32 (10 bits of fraction) before; see round_fragment. */
__device__ inline void multiply(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, float)
{
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* The product instruction cuts tf32 operands off; rounding them first halves the error and centres it. */
template <typename T> __device__ inline void round_fragment(u32 (&f)[4])
{
    if constexpr (sizeof(T) == 4)
        for (int i = 0; i < 4; i++)
            asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(f[i]) : "f"(__uint_as_float(f[i])));
}

/* Two neighbours times two others, rounded to their type. */
__device__ inline u32 multiply_pair(u32 x, u32 y, f16)
{
    u32 z;
    asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(z) : "r"(x), "r"(y));
    return z;
}

__device__ inline u32 multiply_pair(u32 x, u32 y, bf16)
{
    u32 z;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(z) : "r"(x), "r"(y), "r"(0x80008000u)); /* + -0 */
    return z;
}

/* One, where an element has the whole word. */
__device__ inline u32 multiply_pair(u32 x, u32 y, float)
{
    return __float_as_uint(__uint_as_float(x) * __uint_as_float(y));
}

#endif

/* ---- clusters ---- */

#if __CUDA_ARCH__ >= 900

__device__ inline u32 cluster_rank()
{
    u32 rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

/* The two halves of a barrier over all threads of the cluster; stores before the first are seen after the second. */
__device__ inline void cluster_arrive()
{
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}

__device__ inline void cluster_wait()
{
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

/* The same place in another block's shared memory. */
__device__ inline u32 address_in(u32 at, u32 rank)
{
    u32 there;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(at), "r"(rank));
    return there;
}

__device__ inline void store_in_cluster(u32 at, float x, float y)
{
    asm volatile("st.shared::cluster.v2.f32 [%0], {%1, %2};" ::"r"(at), "f"(x), "f"(y) : "memory");
}

#endif
