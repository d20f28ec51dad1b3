//! Where no provider is: link-local addresses, and those behind which clouds hand out the credentials of a machine.
//!
//! Whoever writes the configuration is trusted, names are not: what a name resolves to may change after it was checked. So names and addresses are
//! looked at when a configuration is loaded, and the very addresses that are connected to once more. Loopback and private networks are
//! fine: local models live there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses of metadata services beyond the link-local ranges.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), // Alibaba Cloud
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),   // Azure's wire server
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),     // Oracle Cloud
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), // AWS
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)), // Google Cloud
];
/// Names of metadata services.
const METADATA_NAMES: [&str; 5] =
    ["metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"];

/// Whether nobody is asked at `address` unless the provider allows it.
pub(crate) fn is_off_limits(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let is_link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || embedded(v6).is_some_and(|v4| is_off_limits(v4.into())),
    };
    is_link_local || METADATA.contains(&address)
}

/// Whether a host of a URL, a name or an address, is off limits as it stands.
pub(crate) fn is_host_off_limits(host: &str) -> bool {
    let plain = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    // A zone belongs to a link-local address, and is not part of it.
    let plain = plain.split('%').next().unwrap_or(plain);
    if let Ok(address) = plain.parse() {
        return is_off_limits(address);
    }
    let name = plain.strip_suffix('.').unwrap_or(plain);
    METADATA_NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// The IPv4 address that a translator (NAT64, RFC 6052) or a tunnel (6to4, RFC 3056) takes out of an IPv6 address.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_and_metadata_are_off_limits_however_they_are_written() {
        for host in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "[fe80::1]",
            "[febf::1]",
            "[fe80::1%25eth0]",
            "[fd00:ec2::254]",
            "[fd20:ce::254]",
            "[::ffff:169.254.169.254]",
            "[::169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:a9fe:a9fe::1]",
            "metadata",
            "Metadata.Google.Internal.",
            "metadata.goog",
            "instance-data.ec2.internal",
        ] {
            assert!(is_host_off_limits(host), "{host}");
        }
    }

    #[test]
    fn local_models_and_the_rest_of_the_world_are_not() {
        for host in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.9",
            "192.168.1.1",
            "169.253.0.1",
            "100.64.0.1",
            "8.8.8.8",
            "[::1]",
            "[fd00::1]",
            "[2001:db8::1]",
            "localhost",
            "api.openai.com",
            "metadata.example.com",
        ] {
            assert!(!is_host_off_limits(host), "{host}");
        }
    }
}
