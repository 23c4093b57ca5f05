//! An engine with one open connection.

use std::hint::black_box;
use std::time::{Instant, SystemTime};

use bitopro_client::engine::{Action, Engine, LinkId, SubscriberId};
use bitopro_client::model::PrivateStream;
use bitopro_client::transport::Frame;
use bitopro_client::{Client, ClientBuilder, Credentials, CurrentAccount};

/// The connection of one stream. Its time does not pass.
pub(crate) struct Feed {
    engine: Engine,
    subscriber: SubscriberId,
    link: LinkId,
    now: Instant,
    wall: SystemTime,
}

impl Feed {
    /// Connects a stream and delivers its first message.
    pub(crate) fn new(
        stream: PrivateStream,
        configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
        first: String,
    ) -> Self {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let mut engine = configure(builder()).build_engine().expect("an engine");
        let subscriber = engine.subscribe(now, wall, &[stream]);
        let Some((link, Action::Dial(_))) = engine.poll_action(now, wall) else { unreachable!("no dial") };
        engine.handle_connected(now, wall, link);
        let mut feed = Self { engine, subscriber, link, now, wall };
        feed.deliver(Frame::text(first));
        feed
    }

    /// Delivers a message and takes all items.
    pub(crate) fn deliver(&mut self, frame: Frame) {
        self.engine.handle_frame(self.now, self.wall, self.link, frame);
        while let Some(item) = self.engine.poll_item(self.subscriber) {
            black_box(item);
        }
    }

    /// Returns the state, as a reader would hold it.
    pub(crate) fn current(&self) -> CurrentAccount {
        self.engine.current(self.now, self.wall, self.subscriber)
    }
}

pub(crate) fn builder() -> ClientBuilder {
    Client::builder(Credentials::new("api-key", "api-secret", "me@example.com").expect("credentials"))
}
