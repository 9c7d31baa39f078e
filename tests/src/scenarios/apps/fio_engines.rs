//! The ways in which fio moves bytes.

use crate::machine;

/// One way in which fio moves bytes.
pub struct Engine {
    pub name: &'static str,
    pub options: &'static str,
    /// Its names in `unseen`: with any of them, it may be missing.
    pub ways: &'static [&'static str],
    /// It can do without the page cache.
    pub direct: bool,
    /// The thread that submits.
    pub by: By,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// One of fio itself.
    Itself,
    /// Threads that libc makes.
    Threads,
    /// The kernel's thread for the ring.
    Kernel,
}

const PLAIN: Engine = Engine {
    name: "",
    options: "",
    ways: &[],
    direct: true,
    by: By::Itself,
};

const VECTORS: Engine = Engine {
    ways: &["vectors"],
    ..PLAIN
};

const RING: Engine = Engine {
    ways: &["io_uring"],
    ..PLAIN
};

pub const CALLS: [Engine; 5] = [
    Engine {
        name: "sync",
        options: "ioengine=sync",
        ..PLAIN
    },
    Engine {
        name: "psync",
        options: "ioengine=psync",
        ..PLAIN
    },
    Engine {
        name: "vsync",
        options: "ioengine=vsync",
        ..VECTORS
    },
    Engine {
        name: "pvsync",
        options: "ioengine=pvsync",
        ..VECTORS
    },
    Engine {
        name: "pvsync2",
        options: "ioengine=pvsync2",
        ..VECTORS
    },
];

pub const AIO: [Engine; 2] = [
    Engine {
        name: "libaio",
        options: "ioengine=libaio\niodepth=8",
        ways: &["aio"],
        ..PLAIN
    },
    Engine {
        name: "libaio-reaped",
        options: "ioengine=libaio\niodepth=8\nuserspace_reap=1",
        ways: &["aio", "aio_user_reaped"],
        ..PLAIN
    },
];

pub const IO_URING: [Engine; 6] = [
    Engine {
        name: "ring",
        options: "ioengine=io_uring\niodepth=8\nnonvectored=1",
        ..RING
    },
    Engine {
        name: "ring-vectors",
        options: "ioengine=io_uring\niodepth=8\nnonvectored=0",
        ..RING
    },
    Engine {
        name: "ring-buffers",
        options: "ioengine=io_uring\niodepth=8\nfixedbufs=1",
        ..RING
    },
    Engine {
        name: "ring-files",
        options: "ioengine=io_uring\niodepth=8\nregisterfiles=1",
        ..RING
    },
    Engine {
        name: "ring-thread",
        options: "ioengine=io_uring\niodepth=8\nsqthread_poll=1",
        by: By::Kernel,
        ..RING
    },
    Engine {
        name: "ring-workers",
        options: "ioengine=io_uring\niodepth=8\nforce_async=2",
        ..RING
    },
];

pub const POSIXAIO: [Engine; 1] = [Engine {
    name: "posixaio",
    options: "ioengine=posixaio\niodepth=8",
    by: By::Threads,
    ..PLAIN
}];

pub const SPLICE: [Engine; 1] = [Engine {
    name: "splice",
    // More at once does not always fit into a pipe in one go.
    options: "ioengine=splice\nbs=16k",
    ways: &["splice"],
    direct: false,
    ..PLAIN
}];

/// What is done with a file of its own each, and how much at once.
const PATTERNS: [(&str, &str); 5] = [
    ("read", "64k"),
    ("write", "64k"),
    ("randrw", "4k"),
    ("randread", "4k"),
    ("randwrite", "4k"),
];

/// On an emulated CPU without the last ones, which do by halves what is done anyway.
pub fn patterns() -> &'static [(&'static str, &'static str)] {
    match machine::is_emulated() {
        true => &PATTERNS[..3],
        false => &PATTERNS,
    }
}
