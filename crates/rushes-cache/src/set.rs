//! Values that a caller brings himself.
//!
//! To set a value is to remove the key and to keep the value in one go. Of several who set a key at
//! once, in whichever processes, at most the one who removed it last is kept, and everywhere the
//! same: what the others bring carries generations that are gone by then. Who learns meanwhile that
//! the key was removed or invalidated keeps nothing: that costs a load, and the other way round
//! something old might stay.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::batch::Wanted;
use crate::cache::{Cache, Loaded, Shared};
use crate::flight::Flight;
use crate::key::{Key, Scope};
use crate::landing::{Filling, Landing, Purpose};
use crate::shim::spawn;
use crate::tier::Stamp;

impl Cache {
    /// Sets a value that the caller has just written to the source, or read there; `scopes` as in
    /// [`Cache::get_or_load`]. When this has returned, nobody reads what was there before, and who
    /// asks finds the value, if a tier keeps it. Who cannot exclude that another one writes the
    /// same thing to the source at the same moment calls [`Cache::remove`] instead: which of two
    /// values came last only the source can tell.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time enabled.
    pub async fn set(&self, key: &Key, scopes: &[Scope], value: Loaded) {
        let wanted = Wanted { key: key.clone(), scopes: scopes.to_vec() };
        self.set_many(vec![(wanted, value)]).await;
    }

    /// [`Cache::set`] for many keys, in a few exchanges with each tier. When a key is named twice,
    /// its last value counts.
    ///
    /// # Panics
    /// As [`Cache::set`].
    pub async fn set_many(&self, values: Vec<(Wanted, Loaded)>) {
        let taken = |(wanted, value)| self.0.take_over(wanted, value);
        let taken: Vec<Taken> = values.into_iter().map(taken).collect();
        let (done, is_done) = oneshot::channel();
        let (shared, working) = (Arc::clone(&self.0), self.0.work.begin());
        // To its end even when the caller goes away.
        spawn(async move {
            let _working = working;
            shared.keep_in_all(taken).await;
            done.send(()).ok();
        });
        is_done.await.ok();
    }
}

/// A key whose flight is led by the one who sets it: readers wait for his value.
struct Taken {
    landing: Landing,
    flight: Arc<Flight>,
    value: Loaded,
}

impl Taken {
    /// Lands with the value; what is to be filled, when nobody came after it.
    fn land(self) -> Option<Filling> {
        let filling = self.landing.answered(Ok(self.value));
        filling.filter(|_| self.flight.was_kept())
    }
}

impl Shared {
    /// Drops what memory has and cuts off who loads or sets the key.
    fn take_over(self: &Arc<Self>, wanted: Wanted, value: Loaded) -> Taken {
        let Wanted { key, scopes } = wanted;
        let namespace = self.namespaces.of(&key);
        let capture = || self.generations.fence(&namespace, &scopes);
        let forget = || self.memory.iter().for_each(|memory| memory.remove(&key));
        let flight = self.flights.take_over(&key, capture, forget);
        let landing = Landing::new(self, &key, &scopes, &namespace, &flight, Purpose::Miss);
        Taken { landing, flight, value }
    }

    /// Removes below memory, the lowest tier first, then keeps the values everywhere.
    async fn keep_in_all(&self, mut taken: Vec<Taken>) {
        let wanted: Vec<Wanted> = taken.iter().map(|taken| taken.landing.as_wanted()).collect();
        let mut told = Vec::with_capacity(self.tiers.len());
        for tier in self.tiers.iter().rev() {
            told.push(tier.remove_to_set(&wanted).await);
        }
        for stamps in told.into_iter().rev() {
            stamp_all(&mut taken, stamps);
        }
        Filling::fill_all(taken.into_iter().filter_map(Taken::land).collect()).await;
    }
}

/// Gives each what a tier told; nothing when it told nothing.
fn stamp_all(taken: &mut [Taken], stamps: Option<Vec<Stamp>>) {
    let mut stamps = stamps.into_iter().flatten();
    taken.iter_mut().for_each(|taken| taken.landing.stamped(stamps.next()));
}
