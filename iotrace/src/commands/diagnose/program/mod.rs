//! Which program a process runs, told from its command line, which may be that of an interpreter.

mod interpreter;

use interpreter::Interpreter;

use crate::event::Facts;

/// The program of a process.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Program<'a> {
    /// File names that it goes by: of the executable, of the first word, of the script.
    pub names: Vec<&'a [u8]>,
    /// What it was told, words with spaces between them; empty when not known.
    pub arguments: &'a [u8],
}

impl<'a> Program<'a> {
    /// The program of a process with these facts. Threads of the kernel have none.
    pub fn of(facts: &'a Facts) -> Self {
        if facts.kernel {
            return Self::default();
        }
        let exe = facts.exe.as_deref().map(|exe| {
            // As the kernel shows a file that has been replaced by an update (`d_path`).
            file_name(exe.strip_suffix(b" (deleted)").unwrap_or(exe))
        });
        let (first, mut arguments) = command(facts).map_or((None, &[][..]), |command| {
            let (first, rest) = first_word(command);
            // Login shells have a dash before their name.
            (
                Some(file_name(first.strip_prefix(b"-").unwrap_or(first))),
                rest,
            )
        });
        let mut script = None;
        // Not by the executable: a process that gave itself a title has no options any more.
        if let Some(interpreter) = first.and_then(Interpreter::named) {
            (script, arguments) = interpreter.script(arguments);
        }
        let mut names: Vec<&[u8]> = [script, first, exe].into_iter().flatten().collect();
        names.retain(|name| !name.is_empty());
        names.dedup();
        Self { names, arguments }
    }
}

/// The whole command line, or the title, without the blanks that titles may end with.
pub fn command(facts: &Facts) -> Option<&[u8]> {
    let command = facts.command.as_deref()?;
    let blank = |byte: &u8| matches!(byte, b' ' | b'\0' | b'\n');
    let end = command.iter().rposition(|byte| !blank(byte))?;
    Some(&command[..=end])
}

/// Splits off the first of the words that spaces part.
pub fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b' ') {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &[]),
    }
}

/// The last part of a path.
pub fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn facts(command: &str) -> Facts {
        Facts {
            command: Some(Bytes::copy_from_slice(command.as_bytes())),
            ..Facts::default()
        }
    }

    /// Command line, the first of its names, arguments.
    const COMMANDS: &str = "
        /usr/bin/restic backup /home | restic | backup /home
        -bash | bash |
        /usr/bin/python3 /usr/bin/borg create ::a /b | borg | create ::a /b
        /usr/bin/python3.12 -Es -W ignore /usr/bin/dnf upgrade | dnf | upgrade
        python3 -m borg create | borg | create
        python3 -mborgmatic.commands.borgmatic -v 1 | borgmatic | -v 1
        python3 -Ic import restic | python3 | import restic
        python3 - restic | python3 | restic
        python3 -X | python3 |
        /usr/bin/perl -wT /usr/bin/vzdump 105 --mode stop | vzdump | 105 --mode stop
        /usr/bin/perl -I /usr/share/perl5 -MCarp=verbose /usr/sbin/vzdump 7 | vzdump | 7
        perl -lane print vzdump | perl | print vzdump
        perl -i.bak -pe s/vzdump/x/ f | perl | s/vzdump/x/ f
        /bin/sh -e /etc/cron.daily/logrotate | logrotate |
        /bin/bash -o pipefail +x -- ./backup.sh now | backup.sh | now
        /bin/bash --norc --rcfile /etc/rc backup.sh | backup.sh |
        bash -xc restic backup | bash | restic backup
        sh -s restic | sh | restic
        busybox tar c / | tar | c /
        node --require x.js -r y.js /opt/a/b.js | b.js |
        nodejs --eval rsync | nodejs | rsync
        bash | bash |
        /usr/bin/ | |
    ";

    #[test]
    fn an_interpreter_does_not_hide_the_program() {
        let lines = COMMANDS.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty()) {
            let mut columns = line.split('|').map(str::trim);
            let [command, name, arguments] =
                std::array::from_fn(|_| columns.next().expect("three columns"));
            let facts = facts(command);
            let program = Program::of(&facts);
            let found = program.names.first().copied().unwrap_or_default();
            assert_eq!(String::from_utf8_lossy(found), name, "{line}");
            let found = String::from_utf8_lossy(program.arguments);
            assert_eq!(found, arguments, "{line}");
        }
    }

    #[test]
    fn the_executable_has_a_name_of_its_own() {
        let facts = Facts {
            exe: Some(Bytes::from_static(b"/usr/bin/qemu-system-x86_64 (deleted)")),
            ..facts("/usr/bin/kvm -id 105  ")
        };
        let program = Program::of(&facts);
        assert_eq!(program.names, [&b"kvm"[..], b"qemu-system-x86_64"]);
        assert_eq!(program.arguments, b"-id 105");
        let kernel = Facts {
            kernel: true,
            ..facts
        };
        assert_eq!(Program::of(&kernel), Program::default());
    }

    proptest! {
        #[test]
        fn any_command_is_read(
            command in "(python3|perl|bash|node|busybox)?( |-|--|/|[a-zA-Z]|\0|\\PC){0,12}",
        ) {
            let facts = facts(&command);
            let program = Program::of(&facts);
            prop_assert!(program.names.iter().all(|name| !name.is_empty()));
        }
    }
}
