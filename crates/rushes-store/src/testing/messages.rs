//! Checks about conversations.

use super::Open;
use super::fixture::put;
use crate::error::Error;
use crate::model::{Role, VideoId};

pub(super) async fn come_in_order_and_pages(open: Open<'_>) {
    let store = open("messages").await;
    let (one, two) = (put(&store, "one.mp4").await, put(&store, "two.mp4").await);
    let roles = [Role::User, Role::Assistant, Role::System, Role::Tool];
    let mut written = Vec::new();
    for n in 0..10 {
        let content = format!("message {n}\n\0 \"é\"");
        let (message, _) = store.append(&one.id, roles[n % 4], &content).await.unwrap();
        assert_eq!((message.role, &message.content), (roles[n % 4], &content));
        written.push(message);
        store.append(&two.id, Role::User, "elsewhere").await.unwrap();
    }
    assert!(written.is_sorted_by(|a, b| a.id < b.id && a.at <= b.at));
    let (mut read, mut after) = (Vec::new(), 0);
    loop {
        let page = store.messages(&one.id, 3, after).await.unwrap();
        read.extend(page.items);
        let Some(next) = page.next else { break };
        after = next.id;
    }
    assert_eq!(read, written);
    let unknown = VideoId::parse("0123456789abcdef").unwrap();
    assert!(matches!(store.append(&unknown, Role::User, "x").await, Err(Error::NotFound(_))));
    assert!(matches!(store.append(&one.id, Role::User, "").await, Err(Error::Invalid(_))));
    assert_eq!(store.messages(&unknown, 10, 0).await.unwrap().items, []);
}
