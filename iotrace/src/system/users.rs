//! Names of users.

use std::{collections::HashMap, fs, path::Path};

/// Where users stand.
pub const PASSWD: &str = "/etc/passwd";

/// The names in a file such as `/etc/passwd`. (Not by the C library, which may ask a network, and
/// which a static program does not have whole.)
#[derive(Clone, Debug, Default)]
pub struct Users(HashMap<u32, String>);

impl Users {
    /// Reads them; none where they can not be read.
    pub fn read(passwd: &Path) -> Self {
        let mut users = HashMap::new();
        for (uid, name) in text(passwd).lines().filter_map(user) {
            // Of several names the first one is meant (getpwuid(3)).
            users.entry(uid).or_insert_with(|| name.to_owned());
        }
        Self(users)
    }

    /// Name of a user.
    pub fn name(&self, uid: u32) -> Option<&str> {
        self.0.get(&uid).map(String::as_str)
    }
}

/// The id of the user with this name.
pub fn id(passwd: &Path, name: &str) -> Option<u32> {
    let text = text(passwd);
    let mut users = text.lines().filter_map(user);
    users.find(|user| user.1 == name).map(|(uid, _)| uid)
}

fn text(passwd: &Path) -> String {
    let text = fs::read(passwd).unwrap_or_default();
    String::from_utf8_lossy(&text).into_owned()
}

/// The user of a line.
fn user(line: &str) -> Option<(u32, &str)> {
    let mut fields = line.split(':');
    let (name, _, uid) = (fields.next()?, fields.next()?, fields.next()?);
    Some((uid.parse().ok()?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_id_and_by_name() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("passwd");
        fs::write(
            &path,
            "root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n#\n::\na:b:c\n",
        )
        .expect("a file");
        let users = Users::read(&path);
        assert_eq!(users.name(0), Some("root"));
        assert_eq!(users.name(1), None);
        let ids = ["root", "toor", "a", "", "0"].map(|name| id(&path, name));
        assert_eq!(ids, [Some(0), Some(0), None, None, None]);
        assert_eq!(Users::read(Path::new("/nonexistent")).name(0), None);
    }
}
