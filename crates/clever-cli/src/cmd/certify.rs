//! `cleverctl certify`: a rehearsal of Clever's certification for an app that runs on this machine.

use std::path::Path;

use anyhow::Result;
use clever_emulator::certify::command::{CertifyArgs, certify};
use clever_emulator::certify::{Report, Told, Verdict};

use crate::diagnostics::Exit;
use crate::ui::{Document, Tone, Ui};

impl Document for Told<'_> {
    const NAME: &'static str = "certify";
    const VERSION: u32 = Self::VERSION;
}

/// Rehearses, and prints what was found.
pub(crate) async fn run(args: &CertifyArgs, ui: &Ui) -> Result<Exit> {
    let told = |part: &str| {
        if ui.is_talkative() {
            ui.note(format!("Now {part}."));
        }
    };
    let rehearsed = certify(args, &|text| ui.note(text), &told).await?;
    if ui.json {
        ui.document(&rehearsed.report.told())?;
    } else {
        print(&rehearsed.report, &args.report, ui)?;
    }
    Ok(match rehearsed.verdict() {
        Verdict::Failed => Exit::Failed,
        Verdict::NeedsWork => Exit::Held,
        _ => Exit::Done,
    })
}

/// What did not pass, and where to read on.
fn print(report: &Report, path: &Path, ui: &Ui) -> Result<()> {
    for one in &report.findings {
        let tone = match one.verdict {
            Verdict::Failed => Tone::Bad,
            Verdict::NeedsWork => Tone::Doubtful,
            Verdict::NotRun => Tone::Hint,
            _ => continue,
        };
        let rest = format!(": {}", one.check.title());
        ui.toned(tone, one.verdict.word(), &rest)?;
        ui.line(format!("  {}", one.came_back))?;
    }
    ui.line(report.summary())?;
    ui.line(format!("The whole report: {}", path.display()))
}
