//! `hallmark srs`: make, import and check structured reference strings.

use super::print_json;
use crate::{
    cli::{Global, SUCCESS, SrsAction, SrsArgs},
    home,
    ui::Ui,
};
use eyre::{Result, ensure};
use prover::SrsStore;
use serde_json::json;

pub(crate) fn run(global: &Global, args: &SrsArgs) -> Result<u8> {
    let ui = Ui::new();
    let store = SrsStore::new(home::directory(global)?);
    let (label, smallest, largest) = match &args.action {
        SrsAction::Development { k } => (store.development(*k, &ui)?.label(), *k, *k),
        SrsAction::Import {
            file,
            smallest,
            largest,
        } => {
            ensure!(
                smallest <= largest,
                "--smallest {smallest} is above --largest {largest}"
            );
            (
                store.import(file, *smallest..=*largest, &ui)?,
                *smallest,
                *largest,
            )
        }
    };
    let files: Vec<String> = (smallest..=largest)
        .map(|k| store.path(label, k).display().to_string())
        .collect();
    if global.json {
        print_json(
            &json!({ "label": label.to_string(), "insecure": label.is_insecure(), "files": files }),
        );
    } else {
        println!("label {label}");
        files.iter().for_each(|f| println!("{f}"));
        if label.is_insecure() {
            println!("insecure: the secret of the development string is known to everybody");
        } else {
            println!("prove with it: --srs {}", hex::encode(label.to_bytes()));
        }
    }
    Ok(SUCCESS)
}
