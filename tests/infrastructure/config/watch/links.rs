//! Files behind links: what Kubernetes mounts, and what people link by hand.

use std::{fs, os::unix::fs::symlink, path::Path};

use tempfile::TempDir;

use super::{super::BASE, Watched, with_pool};

/// Writes a version of a mounted volume and swaps the link to it, as the kubelet does.
fn mount(volume: &Path, version: &str, text: &str) {
    let data = volume.join(version);
    fs::create_dir(&data).unwrap();
    fs::write(data.join("tidegate.toml"), text).unwrap();
    symlink(version, volume.join("..data_tmp")).unwrap();
    let old = fs::read_link(volume.join("..data")).ok();
    fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    if let Some(old) = old {
        fs::remove_dir_all(volume.join(old)).unwrap();
    }
}

#[tokio::test]
async fn a_mounted_volume_that_swaps_its_data_link_is_noticed_each_time() {
    let volume = TempDir::new().unwrap();
    mount(volume.path(), "..2026_1", BASE);
    symlink("..data/tidegate.toml", volume.path().join("tidegate.toml")).unwrap();
    for path in [volume.path().to_owned(), volume.path().join("tidegate.toml")] {
        let mut watched = Watched::new(&path);
        for version in 2..6 {
            let name = format!("v{version}");
            let data = format!("..2026_{version}_{}", path.extension().is_some());
            mount(volume.path(), &data, &with_pool(&name));
            assert_eq!(watched.pools().await, ["fast", &name]);
        }
    }
}

#[tokio::test]
async fn a_link_to_a_file_elsewhere_follows_that_file() {
    let (here, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let target = elsewhere.path().join("shared.toml");
    fs::write(&target, BASE).unwrap();
    let link = here.path().join("tidegate.toml");
    symlink(&target, &link).unwrap();
    let mut watched = Watched::new(&link);
    fs::write(&target, with_pool("new")).unwrap();
    assert_eq!(watched.pools().await, ["fast", "new"]);
}

#[tokio::test]
async fn a_hard_link_is_as_good_as_the_file() {
    let (here, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let path = here.path().join("tidegate.toml");
    fs::write(&path, BASE).unwrap();
    let other = elsewhere.path().join("other.toml");
    let mut watched = Watched::new(&path);
    fs::write(&other, with_pool("new")).unwrap();
    fs::remove_file(&path).unwrap();
    fs::hard_link(&other, &path).unwrap();
    assert_eq!(watched.pools().await, ["fast", "new"]);
}
