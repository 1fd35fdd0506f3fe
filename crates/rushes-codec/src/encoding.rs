//! Content encodings of HTTP: the same bytes, fewer on the wire.

use std::io::Write;

use crate::error::{Error, Result};

/// gzip's own default: what 9 saves over it is not worth twice the time.
const GZIP: u32 = 6;
/// The level at which brotli beats gzip in size and time on our JSON.
const BROTLI: i32 = 5;
/// The level at which zstd is as small as brotli's on our JSON, in less time.
const ZSTD: i32 = 6;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// RFC 8878.
    Zstd,
    /// RFC 7932.
    Brotli,
    /// RFC 1952.
    Gzip,
}

impl Encoding {
    /// From the cheapest to decode for its size on: the order of choice where a client has none.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// The name in `Accept-Encoding` and `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// Encodes a body.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the encoder refuses, which only a lack of memory makes it do.
    pub fn encode(self, body: &[u8]) -> Result<Vec<u8>> {
        let refused = |error: std::io::Error| {
            let text = format!("cannot encode {} bytes as {}: {error}", body.len(), self.name());
            Error::Invalid(text)
        };
        match self {
            Self::Zstd => zstd::bulk::compress(body, ZSTD).map_err(refused),
            Self::Gzip => {
                let level = flate2::Compression::new(GZIP);
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(body).and_then(|()| encoder.finish()).map_err(refused)
            }
            Self::Brotli => {
                let parameters = brotli::enc::BrotliEncoderParams {
                    quality: BROTLI,
                    size_hint: body.len(),
                    ..Default::default()
                };
                let mut encoded = Vec::new();
                brotli::BrotliCompress(&mut &*body, &mut encoded, &parameters).map_err(refused)?;
                Ok(encoded)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn decoded(encoding: Encoding, bytes: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        match encoding {
            Encoding::Zstd => body = zstd::decode_all(bytes).unwrap(),
            Encoding::Brotli => brotli::BrotliDecompress(&mut &*bytes, &mut body).unwrap(),
            Encoding::Gzip => {
                flate2::read::GzDecoder::new(bytes).read_to_end(&mut body).map(drop).unwrap();
            }
        }
        body
    }

    #[test]
    fn every_encoding_gives_the_body_back() {
        let json = r#"{"kind":"caption","start":12.5,"text":"a heron lands"}"#.repeat(200);
        for body in [json.as_bytes(), b"", &[0xff; 3]] {
            for encoding in Encoding::ALL {
                let encoded = encoding.encode(body).unwrap();
                assert_eq!(decoded(encoding, &encoded), body, "{encoding:?}");
                assert!(body.len() < 1000 || encoded.len() * 10 < body.len(), "{encoding:?}");
            }
        }
    }
}
