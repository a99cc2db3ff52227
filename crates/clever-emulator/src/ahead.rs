//! Pages that are written before they are asked for: while a client reads a page of a long list and makes something
//! of it, the next one is written, so that it need not wait.
//!
//! Only pages that are large enough to leave in parts have one written behind them: whoever asks for thousands of
//! records walks. A page that is there and whose district has changed since is written anew.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::districts::District;
use crate::outlet::{self, Outlet, Rest, Writing};
use crate::reply::Reply;

/// Pages that lie ready at most: so many clients may walk at once. The oldest gives way.
const MOST: usize = 3;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) district: Arc<District>,
    pub(crate) path: String,
    pub(crate) query: String,
    /// Whether it is to be compressed.
    pub(crate) gzip: bool,
}

impl Wanted {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.district, &other.district)
            && (&self.path, &self.query, self.gzip) == (&other.path, &other.query, other.gzip)
    }
}

/// A page that somebody may ask for.
#[derive(Debug)]
struct Ready {
    wanted: Wanted,
    /// What the district's revision was before the page was begun.
    revision: u64,
    writing: Writing,
}

/// The pages that lie ready.
#[derive(Debug, Default)]
pub(crate) struct Ahead(Mutex<VecDeque<Ready>>);

impl Ahead {
    fn put(&self, ready: Ready) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| !other.wanted.is(&ready.wanted));
        all.truncate(MOST - 1);
        all.push_front(ready);
    }

    /// Takes what lies ready, if it is still what would be written now.
    fn take(&self, wanted: &Wanted) -> Option<Writing> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().position(|ready| ready.wanted.is(wanted))?;
        let ready = all.remove(at)?;
        (ready.revision == wanted.district.revision()).then_some(ready.writing)
    }
}

/// Answers, with what lies ready or else with what `write` writes, and begins the page behind it.
pub(crate) async fn answer<W>(ahead: &Arc<Ahead>, wanted: Wanted, write: W) -> (Reply, Option<Rest>)
where
    W: Fn(&Wanted, &Outlet) -> Reply + Clone + Send + 'static,
{
    let begin = |wanted: &Wanted, write: W| {
        let (wanted, gzip) = (wanted.clone(), wanted.gzip);
        outlet::begin(gzip, move |outlet| write(&wanted, outlet))
    };
    let ready = ahead.take(&wanted);
    let mut writing = ready.unwrap_or_else(|| begin(&wanted, write.clone()));
    if let Some(next) = writing.next() {
        let ahead = Arc::clone(ahead);
        // Ends with the page: nobody need wait for it.
        drop(tokio::spawn(async move {
            let Ok(query) = next.await else { return };
            let wanted = Wanted { query, ..wanted };
            let revision = wanted.district.revision();
            let writing = begin(&wanted, write);
            ahead.put(Ready {
                wanted,
                revision,
                writing,
            });
        }));
    }
    writing.answer().await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::world::generate::generate;

    fn wanted(query: &str) -> Wanted {
        let world = generate(1, 30, "2026-09-14T12:00:00Z".parse().unwrap());
        Wanted {
            district: Arc::new(District::new(world, None, true)),
            path: "/v3.1/users".to_owned(),
            query: query.to_owned(),
            gzip: false,
        }
    }

    fn ready(wanted: &Wanted) -> Ready {
        let body = wanted.query.clone();
        Ready {
            wanted: wanted.clone(),
            revision: wanted.district.revision(),
            writing: outlet::begin(wanted.gzip, |_| Reply::json(body)),
        }
    }

    #[tokio::test]
    async fn what_lies_ready_is_taken_once_by_whoever_asks_for_just_that() {
        let (ahead, page) = (Ahead::default(), wanted("a"));
        ahead.put(ready(&page));
        let others = [
            wanted("a"),
            Wanted {
                query: "b".to_owned(),
                ..page.clone()
            },
            Wanted {
                path: "/v3.0/users".to_owned(),
                ..page.clone()
            },
            Wanted {
                gzip: true,
                ..page.clone()
            },
        ];
        assert!(others.iter().all(|other| ahead.take(other).is_none()));
        let (reply, _) = ahead.take(&page).unwrap().answer().await;
        assert_eq!(reply.body, "a");
        assert!(ahead.take(&page).is_none());
    }

    #[tokio::test]
    async fn what_was_written_before_a_change_is_thrown_away() {
        let (ahead, page) = (Ahead::default(), wanted("a"));
        ahead.put(ready(&page));
        page.district.with_world(|_| ());
        assert!(ahead.take(&page).is_none());
    }

    #[tokio::test]
    async fn few_lie_ready_and_the_oldest_gives_way() {
        let (ahead, page) = (Ahead::default(), wanted("0"));
        let pages: Vec<Wanted> = (0..=MOST)
            .map(|number| Wanted {
                query: number.to_string(),
                ..page.clone()
            })
            .collect();
        pages.iter().for_each(|page| ahead.put(ready(page)));
        assert!(ahead.take(&pages[0]).is_none());
        assert!(pages[1..].iter().all(|page| ahead.take(page).is_some()));
    }

    #[tokio::test]
    async fn behind_a_page_in_parts_the_next_one_is_written() {
        for (size, large) in [(1 << 10, false), (1 << 20, true)] {
            let write = move |wanted: &Wanted, outlet: &Outlet| {
                outlet.goes_on(format!("{}+", wanted.query));
                let mut body = vec![b'0'; size];
                outlet.take(&mut body);
                Reply::json(String::from_utf8(body).unwrap())
            };
            let (ahead, page) = (Arc::new(Ahead::default()), wanted("a"));
            let (_, rest) = answer(&ahead, page.clone(), write).await;
            if let Some(rest) = rest {
                drop(axum::body::to_bytes(rest.into_body(), usize::MAX).await);
            }
            let behind = Wanted {
                query: "a+".to_owned(),
                ..page
            };
            let mut found = ahead.take(&behind).is_some();
            for _ in 0..50 {
                if found {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(if large { 100 } else { 2 })).await;
                found = ahead.take(&behind).is_some();
            }
            assert_eq!(found, large);
        }
    }
}
