// SPDX-License-Identifier: Apache-2.0
// Registers of floats or doubles for the projections, as vectors of the compiler: `+` and `-` are one rounding per
// lane on every instruction set. Included inside a namespace of one instruction set, after its `Lane`.

constexpr std::size_t register_bytes = sizeof(Lane::Vector) < 16 ? 16 : sizeof(Lane::Vector);

template <class T>
struct Register {
  typedef T Vector __attribute__((vector_size(register_bytes)));
  typedef T Unaligned __attribute__((vector_size(register_bytes), aligned(alignof(T)), may_alias));
  typedef BitsOf<T> Bits __attribute__((vector_size(register_bytes)));
  typedef BitsOf<T> UnalignedBits __attribute__((vector_size(register_bytes), aligned(alignof(T)), may_alias));
  static constexpr int width = static_cast<int>(register_bytes / sizeof(T));
};

template <class T>
using VectorOf = typename Register<T>::Vector;

#define KN_INLINE static inline __attribute__((always_inline))

template <class T>
KN_INLINE VectorOf<T> load_vector(const T* from) {
  return *reinterpret_cast<const typename Register<T>::Unaligned*>(from);
}

template <class T>
KN_INLINE void store_vector(T* to, VectorOf<T> value) {
  *reinterpret_cast<typename Register<T>::Unaligned*>(to) = value;
}

// Negates the lanes whose sign bit is set in `flips`; exact.
template <class T>
KN_INLINE VectorOf<T> load_flipped(const T* from, const BitsOf<T>* flips) {
  typedef typename Register<T>::Bits Bits;
  const Bits bits = *reinterpret_cast<const typename Register<T>::UnalignedBits*>(from) ^
                    *reinterpret_cast<const typename Register<T>::UnalignedBits*>(flips);
  return reinterpret_cast<VectorOf<T>>(bits);
}

// a * sign + b where sign is +1 or -1 in every lane: the product is exact, so fused or not the bits are the same.
KN_INLINE VectorOf<float> signed_sum(VectorOf<float> a, VectorOf<float> sign, VectorOf<float> b) {
#if defined(__AVX512F__)
  return reinterpret_cast<VectorOf<float>>(_mm512_fmadd_ps(a, sign, b));
#elif defined(__FMA__)
  return reinterpret_cast<VectorOf<float>>(_mm256_fmadd_ps(a, sign, b));
#else
  return a * sign + b;
#endif
}

KN_INLINE VectorOf<double> signed_sum(VectorOf<double> a, VectorOf<double> sign, VectorOf<double> b) {
#if defined(__AVX512F__)
  return reinterpret_cast<VectorOf<double>>(_mm512_fmadd_pd(a, sign, b));
#elif defined(__FMA__)
  return reinterpret_cast<VectorOf<double>>(_mm256_fmadd_pd(a, sign, b));
#else
  return a * sign + b;
#endif
}
