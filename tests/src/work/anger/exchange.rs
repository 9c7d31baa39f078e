//! Descriptors on their way from one process to another.

use std::mem;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::ptr;

use anyhow::Result;

/// A control message with one descriptor in it, aligned as the kernel wants it.
#[repr(C)]
struct Control {
    header: libc::cmsghdr,
    fd: libc::c_int,
    padding: libc::c_int,
}

/// What any process puts in, any other may take out. Nobody ever waits.
pub struct Exchange {
    inlet: UnixDatagram,
    outlet: UnixDatagram,
}

impl Exchange {
    /// Must be made before the first fork.
    pub fn new() -> Result<Self> {
        let (inlet, outlet) = UnixDatagram::pair()?;
        inlet.set_nonblocking(true)?;
        outlet.set_nonblocking(true)?;
        Ok(Self { inlet, outlet })
    }

    /// Sends a duplicate, unless there are too many already.
    pub fn put(&self, fd: RawFd) {
        let length = size_of::<libc::cmsghdr>() + size_of::<libc::c_int>();
        let mut control = Control {
            header: libc::cmsghdr {
                cmsg_len: length,
                cmsg_level: libc::SOL_SOCKET,
                cmsg_type: libc::SCM_RIGHTS,
            },
            fd,
            padding: 0,
        };
        self.with(&mut control, |message| {
            // SAFETY: the message points to live memory of the lengths that it says.
            unsafe { libc::sendmsg(self.inlet.as_raw_fd(), message, libc::MSG_NOSIGNAL) }
        });
    }

    /// A descriptor of this process for a file that some process has sent.
    pub fn take(&self) -> Option<RawFd> {
        let mut control = Control {
            // SAFETY: three numbers, for which zero is a value.
            header: unsafe { mem::zeroed() },
            fd: -1,
            padding: 0,
        };
        let got = self.with(&mut control, |message| {
            // SAFETY: the message points to live memory of the lengths that it says.
            unsafe { libc::recvmsg(self.outlet.as_raw_fd(), message, libc::MSG_CMSG_CLOEXEC) }
        });
        let one = control.header.cmsg_type == libc::SCM_RIGHTS && control.fd >= 0;
        (got == 1 && one).then_some(control.fd)
    }

    fn with<T>(&self, control: &mut Control, call: impl FnOnce(&mut libc::msghdr) -> T) -> T {
        let mut byte = 0_u8;
        let mut part = libc::iovec {
            iov_base: ptr::from_mut(&mut byte).cast(),
            iov_len: 1,
        };
        // SAFETY: numbers and pointers, for which zero is a value.
        let mut message: libc::msghdr = unsafe { mem::zeroed() };
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = ptr::from_mut(control).cast();
        message.msg_controllen = size_of::<Control>();
        call(&mut message)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write, pipe};
    use std::os::fd::{AsRawFd, FromRawFd};

    use super::Exchange;

    #[test]
    fn what_was_put_in_comes_out_once() -> anyhow::Result<()> {
        let exchange = Exchange::new()?;
        assert_eq!(exchange.take(), None);
        let (mut reader, writer) = pipe()?;
        exchange.put(writer.as_raw_fd());
        drop(writer);
        let fd = exchange.take().expect("it was put in");
        assert_eq!(exchange.take(), None);
        // SAFETY: new, and nobody else's.
        unsafe { std::fs::File::from_raw_fd(fd) }.write_all(b"x")?;
        let mut read = String::new();
        reader.read_to_string(&mut read)?;
        assert_eq!(read, "x");
        Ok(())
    }
}
