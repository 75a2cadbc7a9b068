use super::*;
use proptest::prelude::*;

fn varint(bytes: &[u8]) -> Option<String> {
    let mut out = b"before".to_vec();
    append_varint_text(bytes, &mut out)?;
    Some(String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned())
}

fn decimal(scale: i32, unscaled: &[u8]) -> Option<String> {
    let mut out = b"before".to_vec();
    append_decimal_text(&[&scale.to_be_bytes(), unscaled].concat(), &mut out)?;
    Some(String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned())
}

#[test]
fn varints_are_those_of_the_specification() {
    // The table of the native protocol specification.
    for (value, bytes) in [
        ("0", &[0x00][..]),
        ("1", &[0x01]),
        ("127", &[0x7f]),
        ("128", &[0x00, 0x80]),
        ("129", &[0x00, 0x81]),
        ("-1", &[0xff]),
        ("-128", &[0x80]),
        ("-129", &[0xff, 0x7f]),
        ("170141183460469231731687303715884105728", &[0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("-170141183460469231731687303715884105728", &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        assert_eq!(varint(bytes).as_deref(), Some(value));
        assert_eq!(varint_from_text(value).unwrap().as_slice(), bytes, "{value}");
    }
    assert_eq!(varint(&[0, 0, 0, 5]).as_deref(), Some("5"), "longer than needed");
    assert_eq!(varint(&[]), None);
}

#[test]
fn decimals_print_as_java_prints_them() {
    // The examples of java.math.BigDecimal.toString().
    for (unscaled, scale, text) in [
        (123_i64, 0, "123"),
        (-123, 0, "-123"),
        (123, -1, "1.23E+3"),
        (123, -3, "1.23E+5"),
        (123, 1, "12.3"),
        (123, 5, "0.00123"),
        (123, 10, "1.23E-8"),
        (-123, 12, "-1.23E-10"),
        (0, 2, "0.00"),
        (0, 6, "0.000000"),
        (0, 7, "0E-7"),
        (0, -3, "0E+3"),
        (5, 1, "0.5"),
        (-5, 3, "-0.005"),
        (1, i32::MAX, "1E-2147483647"),
        (1, i32::MIN, "1E+2147483648"),
        (12, -i32::MAX, "1.2E+2147483648"),
    ] {
        let bytes = unscaled.to_be_bytes();
        assert_eq!(decimal(scale, &bytes).as_deref(), Some(text));
        let expected = [&scale.to_be_bytes(), shortest(&bytes)].concat();
        assert_eq!(decimal_from_text(text).unwrap().as_slice(), expected, "{text}");
    }
    assert_eq!(decimal(3, &[]), None);
    assert_eq!(append_decimal_text(&[0, 0, 0], &mut Vec::new()), None);
}

#[test]
fn decimals_take_the_other_spellings_of_java() {
    for (text, scale, unscaled) in
        [("+1.50", 2, 150_i64), (".5", 1, 5), ("5.", 0, 5), ("-.5e3", -2, -5), ("1e0", 0, 1), ("00.10", 2, 10)]
    {
        let expected = [&i32::to_be_bytes(scale), shortest(&unscaled.to_be_bytes())].concat();
        assert_eq!(decimal_from_text(text).unwrap().as_slice(), expected, "{text}");
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for text in ["", "-", "+", ".", "1_0", "--1", "+-1", "0x1", " 1", "1 ", "NaN", "1e", "e1", "1e1e1", "1.-2", "1.2.3"]
    {
        assert!(decimal_from_text(text).is_none(), "{text:?}");
        assert!(varint_from_text(text).is_none(), "{text:?}");
    }
    assert!(varint_from_text("1.0").is_none());
    assert!(decimal_from_text("1E-2147483648").is_none(), "scale of 2^31");
    assert!(decimal_from_text("1E+2147483649").is_none(), "scale below -2^31");
    assert!(decimal_from_text("1E99999999999999999999").is_none());
}

proptest! {
    #[test]
    fn any_varint_returns_in_its_shortest_form(bytes in prop::collection::vec(any::<u8>(), 1..41)) {
        let text = varint(&bytes).unwrap();
        prop_assert_eq!(&text, &BigInt::from_signed_bytes_be(&bytes).to_string());
        let again = varint_from_text(&text).unwrap();
        prop_assert_eq!(again.as_slice(), shortest(&bytes));
    }

    #[test]
    fn any_decimal_returns_with_its_scale(
        scale in prop_oneof![any::<i32>(), -45..45_i32, Just(i32::MAX), Just(i32::MIN)],
        unscaled in prop::collection::vec(any::<u8>(), 1..41),
    ) {
        let text = decimal(scale, &unscaled).unwrap();
        let again = decimal_from_text(&text).unwrap();
        prop_assert_eq!(again.as_slice(), [&scale.to_be_bytes(), shortest(&unscaled)].concat());
    }

    #[test]
    fn any_text_is_a_number_or_refused(text in "[-+0-9.eE_]{0,12}") {
        let text_of = |bytes: CellBytes<'_>| { let mut out = Vec::new(); append_decimal_text(bytes.as_slice(), &mut out); out };
        if let Some(bytes) = decimal_from_text(&text) {
            prop_assert!(!text_of(bytes).is_empty());
        }
    }
}

fn fit(text: &str, precision: u8, scale: u8) -> Fit {
    DecimalType { precision, scale }.fit_decimal(decimal_from_text(text).unwrap().as_slice()).unwrap()
}

#[test]
fn numbers_fit_a_decimal_type_or_not() {
    let nines = 10_i128.pow(38) - 1;
    for (text, precision, scale, expected) in [
        ("0", 1, 1, Fit::Exact(0)),
        ("0E+2147483647", 1, 0, Fit::Exact(0)),
        ("0E-2147483647", 1, 0, Fit::Exact(0)),
        ("1.5", 2, 1, Fit::Exact(15)),
        ("1.500", 2, 1, Fit::Exact(15)),
        ("-1.5", 4, 2, Fit::Exact(-150)),
        ("15E+1", 3, 0, Fit::Exact(150)),
        ("1.25", 2, 1, Fit::Nearest(13)),
        ("-1.25", 2, 1, Fit::Nearest(-13)),
        ("1.2499", 2, 1, Fit::Nearest(12)),
        ("9.95", 2, 1, Fit::Nearest(99)),
        ("10", 2, 1, Fit::Nearest(99)),
        ("-1E+2147483647", 2, 1, Fit::Nearest(-99)),
        ("1E-2147483647", 2, 1, Fit::Nearest(0)),
        ("99999999999999999999999999999999999999", 38, 0, Fit::Exact(nines)),
        ("-99999999999999999999999999999999999999.0", 38, 0, Fit::Exact(-nines)),
        ("100000000000000000000000000000000000000", 38, 0, Fit::Nearest(nines)),
        ("200000000000000000000000000000000000000", 38, 0, Fit::Nearest(nines)),
        ("1.00000000000000000000000000000000000000000000000000", 1, 0, Fit::Exact(1)),
        ("1.50000000000000000000000000000000000000000000000000", 1, 0, Fit::Nearest(2)),
        ("-1.4999999999999999999999999999999999999999999999999", 1, 0, Fit::Nearest(-1)),
        ("99999999999999999999999999999999999999.5000000000000", 38, 0, Fit::Nearest(nines)),
        ("0.00000000000000000000000000000000000000000000000000123", 3, 3, Fit::Nearest(0)),
    ] {
        assert_eq!(fit(text, precision, scale), expected, "{text} as decimal({precision}, {scale})");
    }
    // Long numbers with scales that would make powers of a billion digits.
    let long = "7".repeat(100_000);
    assert_eq!(fit(&format!("{long}E-2000000000"), 38, 0), Fit::Nearest(0));
    assert_eq!(fit(&format!("{long}E+2000000000"), 38, 0), Fit::Nearest(nines));
    assert_eq!(fit(&long, 38, 0), Fit::Nearest(nines));
    assert_eq!(fit(&format!("{long}E-99999"), 2, 0), Fit::Nearest(8));
    assert_eq!(DecimalType { precision: 1, scale: 0 }.fit_decimal(&[0, 0, 0, 0]), None);
    assert_eq!(DecimalType { precision: 1, scale: 0 }.fit_varint(&[]), None);
}

proptest! {
    /// Arrow prints the fitted number as the same number, to the digits it keeps.
    #[test]
    fn a_fit_is_the_nearest_number(unscaled in any::<i128>(), shift in 0_u32..38, from in -40_i32..40, precision in 1_u8..=38, part in 0_u8..=38) {
        let scale = part.min(precision);
        let bytes = [&from.to_be_bytes()[..], &(unscaled >> (3 * shift)).to_be_bytes()[..]].concat();
        let value = BigInt::from(unscaled >> (3 * shift));
        let most: BigInt = BigInt::from(10).pow(u32::from(precision)) - 1;
        // Both sides as whole numbers: value × 10^-from and fitted × 10^-scale.
        let (a, b) = (u32::from(scale) + 40, u32::try_from(from + 40).unwrap());
        let exact = value * BigInt::from(10).pow(a);
        let one = BigInt::from(10).pow(b);
        match (DecimalType { precision, scale }).fit_decimal(&bytes).unwrap() {
            Fit::Exact(fitted) => {
                prop_assert_eq!(BigInt::from(fitted) * &one, exact);
                prop_assert!(BigInt::from(fitted).magnitude() <= most.magnitude());
            }
            Fit::Nearest(fitted) => {
                let fitted = BigInt::from(fitted);
                let away = (&fitted * &one) - &exact;
                prop_assert!(away.sign() != Sign::NoSign);
                let at_end = fitted.magnitude() == most.magnitude() && exact.magnitude() > (&fitted * &one).magnitude();
                prop_assert!(at_end || away.magnitude() * 2_u8 <= *one.magnitude());
            }
        }
    }
}
