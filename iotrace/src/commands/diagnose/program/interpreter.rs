//! How to find the script among the arguments of what runs it.

use super::{file_name, first_word};

/// How a program that runs others takes its options: letters, as they stand after one dash.
#[derive(Debug)]
pub struct Interpreter {
    name: &'static str,
    /// What follows is not a file but the program itself, or it comes from stdin.
    code: &'static [u8],
    /// What follows is the name of a module.
    module: &'static [u8],
    /// Has a value, in the next word if none is attached.
    value: &'static [u8],
    /// The rest of the word is its value.
    attached: &'static [u8],
    /// Long options with a value in the next word.
    long: &'static [&'static str],
}

const PLAIN: Interpreter = Interpreter {
    name: "",
    code: b"",
    module: b"",
    value: b"",
    attached: b"",
    long: &[],
};

const SHELL: Interpreter = Interpreter {
    code: b"cs",
    value: b"oO",
    long: &["--rcfile", "--init-file"],
    ..PLAIN
};

const INTERPRETERS: [Interpreter; 15] = [
    Interpreter {
        name: "python",
        code: b"c",
        module: b"m",
        value: b"WX",
        ..PLAIN
    },
    Interpreter {
        name: "pypy",
        code: b"c",
        module: b"m",
        value: b"WX",
        ..PLAIN
    },
    Interpreter {
        name: "perl",
        code: b"eE",
        value: b"I",
        attached: b"mMFixCDdV",
        ..PLAIN
    },
    Interpreter {
        name: "ruby",
        code: b"e",
        value: b"IrC",
        attached: b"FiKWxT",
        ..PLAIN
    },
    Interpreter {
        name: "node",
        code: b"ep",
        value: b"rC",
        long: &["--require", "--import", "--loader", "--env-file"],
        ..PLAIN
    },
    Interpreter {
        name: "php",
        code: b"rBRE",
        value: b"cdz",
        ..PLAIN
    },
    Interpreter {
        name: "lua",
        code: b"e",
        value: b"l",
        ..PLAIN
    },
    Interpreter {
        name: "tclsh",
        ..PLAIN
    },
    Interpreter {
        name: "busybox",
        ..PLAIN
    },
    Interpreter {
        name: "bash",
        ..SHELL
    },
    Interpreter {
        name: "dash",
        ..SHELL
    },
    Interpreter {
        name: "sh",
        ..SHELL
    },
    Interpreter {
        name: "ash",
        ..SHELL
    },
    Interpreter {
        name: "ksh",
        ..SHELL
    },
    Interpreter {
        name: "zsh",
        ..SHELL
    },
];

impl Interpreter {
    /// The one with this file name, after which there may be a version: `python3.12`.
    pub fn named(file_name: &[u8]) -> Option<&'static Self> {
        let version = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        let end = file_name.iter().rposition(|byte| !version(byte))?;
        let stem = match &file_name[..=end] {
            b"nodejs" => b"node",
            stem => stem,
        };
        INTERPRETERS.iter().find(|one| one.name.as_bytes() == stem)
    }

    /// File name of what it runs, if that is a file or a module, and the arguments of that.
    pub fn script<'a>(&self, arguments: &'a [u8]) -> (Option<&'a [u8]>, &'a [u8]) {
        let mut rest = arguments;
        while !rest.is_empty() {
            let (word, after) = first_word(rest);
            rest = after;
            match word {
                // An argument that is empty, or the script comes from stdin.
                b"" | b"-" => return (None, rest),
                b"--" => {
                    let (word, after) = first_word(rest);
                    return (Some(file_name(word)), after);
                }
                [b'-', b'-', ..] => {
                    if self.long.iter().any(|long| long.as_bytes() == word) {
                        rest = first_word(rest).1;
                    }
                    // Those of node.
                    if matches!(word, b"--eval" | b"--print") {
                        return (None, rest);
                    }
                }
                [b'-', letters @ ..] => match self.option(letters) {
                    Meaning::Nothing => {}
                    Meaning::Value => rest = first_word(rest).1,
                    Meaning::Code => return (None, rest),
                    Meaning::Module(&[]) => {
                        let (word, after) = first_word(rest);
                        return (Some(package(word)), after);
                    }
                    Meaning::Module(name) => return (Some(package(name)), rest),
                },
                [b'+', ..] => {}
                _ => return (Some(file_name(word)), rest),
            }
        }
        (None, rest)
    }

    fn option<'a>(&self, letters: &'a [u8]) -> Meaning<'a> {
        for (at, letter) in letters.iter().enumerate() {
            let attached = &letters[at + 1..];
            if self.code.contains(letter) {
                return Meaning::Code;
            } else if self.module.contains(letter) {
                return Meaning::Module(attached);
            } else if self.attached.contains(letter) {
                return Meaning::Nothing;
            } else if self.value.contains(letter) {
                return if attached.is_empty() {
                    Meaning::Value
                } else {
                    Meaning::Nothing
                };
            }
        }
        Meaning::Nothing
    }
}

/// What letters after a dash mean for what comes next.
enum Meaning<'a> {
    Nothing,
    /// The next word is a value.
    Value,
    /// There is no script.
    Code,
    /// A module, named here or in the next word.
    Module(&'a [u8]),
}

/// `borgmatic` of `borgmatic.commands.borgmatic`.
fn package(module: &[u8]) -> &[u8] {
    module
        .split(|byte| *byte == b'.')
        .next()
        .unwrap_or_default()
}
