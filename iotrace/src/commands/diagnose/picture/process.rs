//! What people call a process.

use crate::{
    commands::diagnose::{evidence::Process, guest::Guest, program::Program},
    output::sanitize,
};

impl Process {
    /// Its virtual machine, if it is one.
    pub fn guest(&self) -> Option<Guest> {
        Guest::of(&self.facts)
    }

    /// What people call its program.
    pub fn program(&self) -> String {
        let program = Program::of(&self.facts);
        // Started through a descriptor, it has no name but that of its file.
        let is_number = |name: &&[u8]| name.iter().all(u8::is_ascii_digit);
        let mut names = program.names.iter().copied();
        let name = names.find(|name| !is_number(name));
        let name = name.unwrap_or(&self.facts.comm[..]);
        // Some titles begin with the name of the program and a colon.
        sanitize::name(name.strip_suffix(b":").unwrap_or(name)).into_owned()
    }

    /// Its command line, or the begin of a long one; its name where there is none.
    pub fn command_line(&self) -> String {
        const MOST: usize = 80;
        let line = self.facts.command.as_ref().unwrap_or(&self.facts.comm);
        let line = sanitize::name(line);
        let cut: String = line.chars().take(MOST).collect();
        if cut.len() < line.len() {
            format!("{cut}…")
        } else {
            cut
        }
    }

    /// `postgres (pid 812)`
    pub fn title(&self) -> String {
        format!("{} (pid {})", self.program(), self.pid)
    }
}
