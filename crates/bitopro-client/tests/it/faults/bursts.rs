use std::sync::Mutex;

use bitopro_client::Item;
use bitopro_client::transport::{
    Connection, Connector, Error, ErrorKind, Frame, Limits, Request, TungsteniteConnection, async_trait,
};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

use crate::network::{balance, network};

/// Dials the one connection that it holds, whose other end speaks in bytes.
struct Pipe(Mutex<Option<DuplexStream>>);

#[async_trait]
impl Connector for Pipe {
    async fn connect(&self, _: Request) -> Result<Box<dyn Connection>, Error> {
        let pipe = self.0.lock().unwrap().take();
        let pipe = pipe.ok_or_else(|| Error::new(ErrorKind::Connect, "there is one connection only"))?;
        Ok(Box::new(TungsteniteConnection::client(pipe, Bytes::new(), Limits::default()).await))
    }
}

/// A text as a server's frame on the wire: RFC 6455, 5.2.
fn on_the_wire(frame: &Frame, bytes: &mut Vec<u8>) {
    let Frame::Text(text) = frame else { panic!("{frame:?}") };
    bytes.push(0x81);
    match u16::try_from(text.len()).unwrap() {
        short @ 0..126 => bytes.push(u8::try_from(short).unwrap()),
        long => {
            bytes.push(126);
            bytes.extend(long.to_be_bytes());
        }
    }
    bytes.extend(text.as_bytes());
}

#[tokio::test(start_paused = true)]
async fn fault_42_a_burst_in_one_write_is_delivered_whole_and_in_order() {
    for count in [2, 10, 20_000] {
        let mut burst = Vec::new();
        (1..=count).for_each(|number| on_the_wire(&balance(number), &mut burst));
        // It holds the whole burst, so that one write is one write.
        let (client_end, mut server_end) = duplex(burst.len());
        let (builder, _) = network();
        let pipe = Pipe(Mutex::new(Some(client_end)));
        let mut balances = builder.with_connector(pipe).build().unwrap().balances();
        assert!(matches!(balances.next().await, Some(Item::Connected(_))));
        assert_eq!(server_end.write(&burst).await.unwrap(), burst.len());
        for number in 1..=count {
            let item = balances.next().await.unwrap();
            let (Item::Snapshot(event) | Item::Update(event)) = item else { panic!("{number}: {item:?}") };
            assert_eq!(event.timestamp.as_millis(), i64::try_from(number).unwrap());
        }
        assert_eq!(balances.current().unwrap().get("TWD").unwrap().amount.to_string(), count.to_string());
    }
}
