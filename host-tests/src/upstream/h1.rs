//! The scripted upstream over HTTP/1.1: one request after another, and nothing between them.

use std::sync::Arc;

use tokio::net::TcpStream;

use super::play::{After, play};
use super::receive::read_request;
use super::{State, scenario_of};
use crate::wire::Wire;

/// Serves one connection, request after request.
pub(super) async fn serve(stream: TcpStream, name: String, state: Arc<State>) {
    let (reader, mut writer) = stream.into_split();
    let mut wire = Wire::new(reader);
    let mut before = "the first request".to_owned();
    loop {
        let received = match read_request(&mut wire, &name).await {
            Ok(Some(received)) => received,
            Ok(None) => return,
            Err(error) => return state.stray(format!("{name}, behind {before}: {error}")),
        };
        let id = scenario_of(&received);
        let Some(script) = state.begin(&id, received) else {
            return state.stray(format!(
                "{name}, behind {before}: a request of no running scenario ({id:?})"
            ));
        };
        let (taken, after) = play(&script, &mut wire, &mut writer).await;
        state.end(&id, script.number, taken);
        before = id;
        match after {
            After::KeepOpen => {}
            After::Close => return,
            After::Reset => {
                // Without a linger time and a FIN before it, closing sends RST.
                if let Err(error) = writer.as_ref().set_zero_linger() {
                    state.stray(format!("{name}: no reset: {error}"));
                }
                writer.forget();
                return;
            }
        }
    }
}
