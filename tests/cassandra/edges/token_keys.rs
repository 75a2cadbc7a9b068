//! Keys made to measure: a blob of 16 bytes whose token is the one wanted.
//!
//! One block of Murmur3 (x64, 128 bits) is a bijection of 16 bytes, so it can be run backwards. Half of its result is the
//! token; the other half is free and chosen as zero.

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;
const KEY_BYTES: u64 = 16;

/// The key whose hash is `token`. Cassandra gives the hash `i64::MIN` the token `i64::MAX`.
pub(crate) fn key_of_token(token: i64) -> [u8; 16] {
    let mixed = (token.cast_unsigned(), 0_u64);
    let (h1, h2) = (unfinalize(mixed.0), unfinalize(mixed.1));
    let h2 = h2.wrapping_sub(h1);
    let h1 = h1.wrapping_sub(h2) ^ KEY_BYTES;
    let h2 = h2 ^ KEY_BYTES;

    let k1 = h1.wrapping_sub(0x52dc_e729).wrapping_mul(inverse(5)).rotate_right(27);
    let k2 = h2.wrapping_sub(0x3849_5ab5).wrapping_mul(inverse(5)).wrapping_sub(h1).rotate_right(31);
    let k1 = k1.wrapping_mul(inverse(C2)).rotate_right(31).wrapping_mul(inverse(C1));
    let k2 = k2.wrapping_mul(inverse(C1)).rotate_right(33).wrapping_mul(inverse(C2));
    let mut key = [0; 16];
    key[..8].copy_from_slice(&k1.to_le_bytes());
    key[8..].copy_from_slice(&k2.to_le_bytes());
    key
}

/// Undoes the last step of Murmur3, which mixes all bits of one half.
fn unfinalize(mut h: u64) -> u64 {
    h ^= h >> 33;
    h = h.wrapping_mul(inverse(0xc4ce_b9fe_1a85_ec53));
    h ^= h >> 33;
    h = h.wrapping_mul(inverse(0xff51_afd7_ed55_8ccd));
    h ^ (h >> 33)
}

/// The number that `odd` must be multiplied with to give 1, by Newton's method: each round doubles the bits that are right.
fn inverse(odd: u64) -> u64 {
    (0..6).fold(odd, |x, _| x.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(x))))
}
