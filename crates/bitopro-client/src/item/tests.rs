use bitopro_model::Message;

use super::{Item, is_milestone};

#[test]
fn fault_57_the_name_of_an_unknown_event_is_printable_and_bounded() {
    let json = serde_json::json!({ "event": format!("\u{1b}[2J\u{202e}{}", "x".repeat(1 << 20)) });
    let Ok(Message::Unknown(unknown)) = Message::from_json(&json.to_string()) else { panic!("{json:.60}") };
    let shown = Item::<Message>::Unknown(unknown).to_string();
    assert_eq!(shown, format!("unknown event \\u{{1b}}[2J\\u{{202e}}{}…", "x".repeat(23)));
}

#[test]
fn milestones_are_1_and_3_times_the_powers_of_ten() {
    let milestones: Vec<u32> = (0..1_000).filter(|count| is_milestone(*count)).collect();
    assert_eq!(milestones, [1, 3, 10, 30, 100, 300]);
    assert!(is_milestone(3_000_000_000) && !is_milestone(u32::MAX));
}
