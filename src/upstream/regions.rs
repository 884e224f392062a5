//! Where Genesys's public regions are.

/// Region and domain; the API is at `api.{domain}`, the login at `login.{domain}`. Source: the region tables of the
/// official Python and JavaScript SDKs, the `gc` CLI and the Terraform provider, 2026.
const REGIONS: [(&str, &str); 18] = [
    ("us-east-1", "mypurecloud.com"),
    ("us-east-2", "use2.us-gov-pure.cloud"),
    ("us-west-2", "usw2.pure.cloud"),
    ("ca-central-1", "cac1.pure.cloud"),
    ("sa-east-1", "sae1.pure.cloud"),
    ("mx-central-1", "mxc1.pure.cloud"),
    ("eu-west-1", "mypurecloud.ie"),
    ("eu-west-2", "euw2.pure.cloud"),
    ("eu-central-1", "mypurecloud.de"),
    ("eu-central-2", "euc2.pure.cloud"),
    ("eusc-de-east-1", "edee1.eusc-pure.cloud"),
    ("me-central-1", "mec1.pure.cloud"),
    ("ap-south-1", "aps1.pure.cloud"),
    ("ap-southeast-1", "apse1.pure.cloud"),
    ("ap-southeast-2", "mypurecloud.com.au"),
    ("ap-northeast-1", "mypurecloud.jp"),
    ("ap-northeast-2", "apne2.pure.cloud"),
    ("ap-northeast-3", "apne3.pure.cloud"),
];

/// The API and login URLs of a public region such as `eu-central-1`, without a trailing slash; `None` for any other name.
pub fn region_urls(region: &str) -> Option<(String, String)> {
    let (_, domain) = REGIONS.iter().find(|(name, _)| *name == region)?;
    Some((format!("https://api.{domain}"), format!("https://login.{domain}")))
}
