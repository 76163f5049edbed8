//! `hallmark keys`: make, read and pin keys.

use super::print_json;
use crate::{
    cli::{Global, KeysAction, KeysArgs, SUCCESS},
    home,
    ui::Ui,
};
use eyre::Result;
use hallmark::pipeline;
use prover::segments::Prover;
use serde_json::json;

pub(crate) fn run(global: &Global, args: &KeysArgs) -> Result<u8> {
    let ui = Ui::new();
    let prover = Prover::new(&home::directory(global)?, home::label(global)?);
    match args.action {
        KeysAction::Generate { k } => {
            let proving = pipeline::load(&prover, k, &ui)?;
            let key = proving.verifying();
            let (_, figures) = key.contract_key()?;
            let bytes = figures.head_bytes + figures.program_bytes;
            let store = prover.key_store();
            let path = store.path(key.name(), k, key.digest(), prover.label());
            let proving_path = store.proving_path(key);
            if global.json {
                print_json(&json!({
                    "k": k,
                    "file": path.display().to_string(),
                    "proving_file": proving_path.display().to_string(),
                    "circuit": hex::encode(key.digest().to_bytes()),
                    "proof_bytes": key.proof_bytes(),
                    "contract_key_bytes": bytes,
                    "field_operations": figures.field_operations,
                    "evaluations": figures.evaluations,
                    "advice_columns": figures.advice_columns,
                    "insecure_srs": prover.label().is_insecure(),
                }));
            } else {
                println!("2^{k} rows: {}", path.display());
                println!("proving key: {}", proving_path.display());
                println!(
                    "{} advice columns, {} evaluations, {} field operations; proof {} bytes, key on L1 {bytes} bytes",
                    figures.advice_columns,
                    figures.evaluations,
                    figures.field_operations,
                    key.proof_bytes()
                );
            }
        }
        KeysAction::Pin { k } => {
            let key = pipeline::verifying_key(&prover, k, &ui)?;
            if global.json {
                print_json(&json!({ "k": k, "pinned": key.pinned() }));
            } else {
                print!("{}", key.pinned());
            }
        }
    }
    Ok(SUCCESS)
}
