//! Where regions are.

use ringfence::upstream::region_urls;

#[test]
fn a_region_has_an_api_and_a_login() {
    let (api, login) = region_urls("eu-central-1").unwrap();
    assert_eq!(
        (api.as_str(), login.as_str()),
        ("https://api.mypurecloud.de", "https://login.mypurecloud.de")
    );
    let (api, login) = region_urls("us-west-2").unwrap();
    assert_eq!(
        (api.as_str(), login.as_str()),
        ("https://api.usw2.pure.cloud", "https://login.usw2.pure.cloud")
    );
}

#[test]
fn a_region_that_genesys_does_not_have_is_nowhere() {
    for name in ["", "eu-central-9", "EU-CENTRAL-1", "eu-central-1 ", "mypurecloud.de"] {
        assert_eq!(region_urls(name), None, "{name:?}");
    }
}
