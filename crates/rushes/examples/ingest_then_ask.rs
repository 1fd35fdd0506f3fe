//! Takes a video in and asks what is known at a moment, twice:
//! `cargo run -p rushes --example ingest_then_ask -- demo/obama_speech.mp4 4.0`

use rushes::Rushes;
use rushes::answer::ContextRequest;
use rushes::config::Settings;
use rushes::ingest::{IngestOptions, Source};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("name a video")?;
    let at: f64 = arguments.next().map_or(Ok(0.0), |text| text.parse())?;

    let folder = tempfile::tempdir()?;
    let rushes = Rushes::open(Settings::library(folder.path())).await?;
    let taken = rushes.ingest(Source::File(file.into()), IngestOptions::default(), None).await?;

    let request = ContextRequest { video: taken.video, at: Some(at), ..Default::default() };
    for _ in 0..2 {
        let context = rushes.context(&request).await?;
        #[allow(clippy::print_stdout, reason = "an example talks to its reader")]
        {
            println!("{}", context.text);
            println!("-> {:?} in {} µs\n", context.served.tier, context.served.micros);
        }
    }
    Ok(())
}
