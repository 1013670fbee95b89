//! The requests to a server of embeddings.

use lumos_core::Result;
use lumos_core::embed::endpoint::Endpoint;
use lumos_core::server::Stop;

use crate::http::{Client, trusted};

/// Reads the options of `lumos_model_add`.
pub fn parse(url: &str, options: Option<&str>) -> Result<Endpoint> {
    let endpoint = Endpoint::parse(url, options, ask)?;
    trusted(endpoint.server()).map(|_| endpoint)
}

/// The vectors of the texts, in as many requests as the endpoint's batches take.
pub fn ask(endpoint: &Endpoint, texts: &[&str], stop: &Stop) -> Result<Vec<Vec<f32>>> {
    let client = Client::new(endpoint.server(), stop)?;
    let mut vectors = Vec::with_capacity(texts.len());
    for batch in texts.chunks(endpoint.batch()) {
        let limit = Endpoint::longest_answer(batch.len());
        let answer = client.post(&endpoint.request(batch), limit)?;
        vectors.extend(endpoint.vectors(&answer, batch.len())?);
    }
    Ok(vectors)
}
