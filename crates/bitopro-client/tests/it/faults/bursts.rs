use bitopro_client::Item;
use tokio::io::AsyncWriteExt;

use super::sockets::wire::{piped, text};
use crate::samples::balance;

#[tokio::test(start_paused = true)]
async fn fault_42_a_burst_in_one_write_is_delivered_whole_and_in_order() {
    for count in [2, 10, 20_000_i64] {
        let burst: Vec<u8> = (1..=count).flat_map(|number| text(&balance(number, number))).collect();
        // The pipe has room for the whole burst, so a single write takes all of it.
        let (mut balances, mut server_end) = piped(burst.len()).await;
        assert_eq!(server_end.write(&burst).await.unwrap(), burst.len());
        for number in 1..=count {
            let item = balances.next().await.unwrap();
            let (Item::Snapshot(event) | Item::Update(event)) = item else { panic!("{number}: {item:?}") };
            assert_eq!(event.timestamp.as_millis(), number);
        }
        assert_eq!(
            balances.current().unwrap().state().get("TWD").unwrap().amount.to_string(),
            count.to_string()
        );
    }
}
