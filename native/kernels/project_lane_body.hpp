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

// The same, and +0 where `keep` has no bits.
template <class T>
KN_INLINE VectorOf<T> load_kept(const T* from, const BitsOf<T>* flips, const T* keep) {
  typedef typename Register<T>::Bits Bits;
  const Bits bits = (*reinterpret_cast<const typename Register<T>::UnalignedBits*>(from) ^
                     *reinterpret_cast<const typename Register<T>::UnalignedBits*>(flips)) &
                    *reinterpret_cast<const typename Register<T>::UnalignedBits*>(keep);
  return reinterpret_cast<VectorOf<T>>(bits);
}

// b + a where `negative` is false, b - a where it is true, lane by lane. Where there is a fused instruction, a times +-1
// is exact and one instruction does it; float64 never fuses here, and a flipped sign bit is exact as well.
template <class T, bool... negative>
KN_INLINE VectorOf<T> add_signed(VectorOf<T> a, VectorOf<T> b) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    const VectorOf<T> signs = {(negative ? T(-1) : T(1))...};
    return reinterpret_cast<VectorOf<T>>(_mm512_fmadd_ps(a, signs, b));
  }
#elif defined(__FMA__)
  if constexpr (sizeof(T) == 4) {
    const VectorOf<T> signs = {(negative ? T(-1) : T(1))...};
    return reinterpret_cast<VectorOf<T>>(_mm256_fmadd_ps(a, signs, b));
  }
#endif
  typedef typename Register<T>::Bits Bits;
  const Bits signs = {(negative ? BitsOf<T>(1) << (8 * sizeof(T) - 1) : 0)...};
  return b + reinterpret_cast<VectorOf<T>>(reinterpret_cast<Bits>(a) ^ signs);
}
