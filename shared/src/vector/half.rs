//! The two 16-bit forms of a float, from and to 32 bits, rounded to the nearest, ties to even.

/// The largest half: 65,504.
pub const F16_MAX: f32 = 65504.0;
/// The largest bfloat16.
pub const BF16_MAX: f32 = f32::from_bits(0x7F7F_0000);

/// 2^112, by which the exponents of the two forms differ.
const SHIFT: f32 = f32::from_bits(0x7780_0000);

/// A half as a float. Multiplying moves the exponent and makes small halves normal.
pub fn f16_to_f32(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let rest = u32::from(half & 0x7FFF) << 13;
    let value = match half & 0x7C00 {
        0x7C00 => f32::from_bits(rest | 0x7F80_0000),
        _ => f32::from_bits(rest) * SHIFT,
    };
    f32::from_bits(value.to_bits() | sign)
}

/// The nearest half to a finite float, the largest one for what is larger.
pub fn f32_to_f16(value: f32) -> u16 {
    let sign = (value.to_bits() >> 16) as u16 & 0x8000;
    let value = value.abs().min(F16_MAX);
    // Adding a number whose last bit is worth a half's last bit rounds to it.
    let exponent = (value.to_bits() >> 23).max(113);
    let round = f32::from_bits((exponent + 13) << 23);
    let rounded = (value + round) - round;
    sign | ((rounded / SHIFT).to_bits() >> 13) as u16
}

/// A bfloat16 as a float.
pub fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The nearest bfloat16 to a finite float, the largest one for what is larger.
pub fn f32_to_bf16(value: f32) -> u16 {
    let bits = value.clamp(-BF16_MAX, BF16_MAX).to_bits();
    let odd = bits >> 16 & 1;
    ((bits + 0x7FFF + odd) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a half by its definition.
    fn defined(half: u16) -> f64 {
        let fraction = f64::from(half & 0x3FF) / 1024.0;
        let magnitude = match half >> 10 & 0x1F {
            0 => fraction * 2f64.powi(-14),
            exponent => (1.0 + fraction) * 2f64.powi(i32::from(exponent) - 15),
        };
        if half >> 15 == 1 {
            -magnitude
        } else {
            magnitude
        }
    }

    fn finite(half: u16) -> bool {
        half & 0x7C00 != 0x7C00
    }

    #[test]
    fn every_half_comes_back() {
        for half in (0..=u16::MAX).filter(|h| finite(*h)) {
            assert_eq!(f64::from(f16_to_f32(half)), defined(half), "{half:#x}");
            assert_eq!(f32_to_f16(f16_to_f32(half)), half);
        }
        assert_eq!(f16_to_f32(0xFC00), f32::NEG_INFINITY);
        assert!(f16_to_f32(0x7C01).is_nan());
    }

    /// Between each two neighbours: below the middle the lower, above it the upper, on it the even one.
    #[test]
    fn rounds_to_the_nearest_half() {
        for half in (0..0x7BFF_u16).filter(|h| finite(h + 1)) {
            let middle = ((defined(half) + defined(half + 1)) / 2.0) as f32;
            let even = half + half % 2;
            for sign in [0, 0x8000] {
                let signed = |v: f32| if sign == 0 { v } else { -v };
                assert_eq!(f32_to_f16(signed(middle.next_down())), sign | half);
                assert_eq!(f32_to_f16(signed(middle)), sign | even);
                assert_eq!(f32_to_f16(signed(middle.next_up())), sign | (half + 1));
            }
        }
        assert_eq!(f32_to_f16(f32::MAX), 0x7BFF);
    }

    #[test]
    fn rounds_to_the_nearest_bfloat16() {
        for bits in (0..0x7F7F_u16).chain(0x8000..0xFF7F) {
            let (low, high) = (bf16_to_f32(bits), bf16_to_f32(bits + 1));
            let middle = f32::from_bits(low.to_bits() + 0x8000);
            assert_eq!(f32_to_bf16(low), bits);
            assert_eq!(f32_to_bf16(middle), bits + bits % 2);
            assert_eq!(f32_to_bf16(f32::from_bits(middle.to_bits() - 1)), bits);
            assert_eq!(
                bf16_to_f32(f32_to_bf16(f32::from_bits(middle.to_bits() + 1))),
                high
            );
        }
        assert_eq!(bf16_to_f32(f32_to_bf16(f32::MAX)), BF16_MAX);
    }
}
