//! What HTTP/2 says to a client that breaks it. hyper says it in frames of its own, and tells nobody: they are seen here, on
//! their way out.

use super::pulse::Pulse;

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
/// Errors that are not the client's: none, one of ours, a stream that is refused or not wanted any more.
const NOT_ITS_OWN: [u32; 4] = [NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL];
const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

/// Follows the frames that are written, however they are cut.
#[derive(Debug, Default)]
pub(super) struct Frames {
    // Of the frame that is being written: its head, and its error if it tells one.
    begun: Vec<u8>,
    // How much of it is still to be written.
    rest: usize,
}

impl Frames {
    /// Looks at what was written.
    pub(super) fn follow(&mut self, mut written: &[u8], pulse: &Pulse) {
        while let Some((first, behind)) = written.split_first() {
            if self.rest > 0 {
                let passed = self.rest.min(written.len());
                self.rest -= passed;
                written = written.get(passed..).unwrap_or_default();
                continue;
            }
            self.begun.push(*first);
            written = behind;
            self.look(pulse);
        }
    }

    fn look(&mut self, pulse: &Pulse) {
        let [one, two, three, kind, _, _, _, _, _, told @ ..] = self.begun.as_slice() else { return };
        // The error stands behind the last stream's number, where there is one.
        let tells = match *kind {
            RST_STREAM => 4,
            GOAWAY => 8,
            _ => 0,
        };
        if told.len() < tells {
            return;
        }
        if *kind == HEADERS {
            pulse.headed();
        }
        if let Some(error) = told.last_chunk().map(|error| u32::from_be_bytes(*error))
            && !NOT_ITS_OWN.contains(&error)
        {
            pulse.broke(error);
        }
        let length = u32::from_be_bytes([0, *one, *two, *three]);
        self.rest = usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(told.len());
        self.begun.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, 0, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn errors_are_seen_however_the_bytes_are_cut() {
        let written = [
            frame(4, &[0; 6]),
            frame(HEADERS, &[3; 40]),
            frame(RST_STREAM, &8_u32.to_be_bytes()),
            frame(0, &[RST_STREAM; 100]),
            frame(RST_STREAM, &1_u32.to_be_bytes()),
            frame(GOAWAY, &[0, 0, 0, 1, 0, 0, 0, 9, b'w', b'h', b'y']),
            frame(HEADERS, &[]),
        ]
        .concat();
        for cut in 1..written.len() {
            let (pulse, mut frames) = (Pulse::new(), Frames::default());
            written.chunks(cut).for_each(|some| frames.follow(some, &pulse));
            assert_eq!(
                pulse.breach().unwrap(),
                "breaches of HTTP/2: 2, the last with the error 9 of RFC 9113, section 7; heads that were too large, \
                 answered 431: 2",
                "{cut}"
            );
        }
    }
}
