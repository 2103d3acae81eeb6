//! Which region an object is of.

use serde_json::Value;

/// The region, by availability zone, ARN or the document's path.
pub(crate) fn of(value: &Value, document: &str) -> Option<String> {
    let zone = value.get("AvailabilityZone").or_else(|| value.get("Placement")?.get("AvailabilityZone"));
    let of_zone = zone.and_then(Value::as_str).and_then(of_zone);
    of_zone
        .or_else(|| of_arn(value))
        .or_else(|| document.split(['/', '\\']).find(|part| of_zone_is_whole(part)).map(str::to_owned))
}

fn of_arn(value: &Value) -> Option<String> {
    let arns = value.as_object()?.iter().filter(|(key, _)| key.ends_with("Arn"));
    let regions = arns.filter_map(|(_, arn)| arn.as_str()?.split(':').nth(3));
    regions.filter(|region| !region.is_empty()).map(str::to_owned).next()
}

/// `us-west-2` of `us-west-2a` or `us-west-2-lax-1a`.
fn of_zone(zone: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in zone.split('-') {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        match part.get(..digits) {
            Some(number) if digits > 0 && parts.len() >= 2 => {
                parts.push(number);
                return Some(parts.join("-"));
            }
            _ if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()) => parts.push(part),
            _ => return None,
        }
    }
    None
}

/// Whether a part of a path is the name of a region.
fn of_zone_is_whole(part: &str) -> bool {
    of_zone(part).is_some_and(|region| region == part)
}
