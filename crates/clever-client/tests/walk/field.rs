//! What went wrong in the field with lists that do not say where they end, and with servers that are silent.

use super::*;

/// A page with a user and links as they are given.
fn linked(id: &str, links: &str) -> String {
    format!(r#"{{"data":[{{"data":{{"id":"{id}"}}}}],"links":{links}}}"#)
}

#[tokio::test]
async fn field_01_links_that_do_not_say_what_follows_are_an_error() {
    for (links, fault) in [
        ("{}", LinkFault::NotAList),
        (
            r#"{"next":"/v3.1/users?starting_after=a"}"#,
            LinkFault::NotAList,
        ),
        ("7", LinkFault::NotAList),
        (r#"[{"rel":"next","uri":null}]"#, LinkFault::NoAddress),
        (r#"[{"rel":"next","uri":""}]"#, LinkFault::NoAddress),
        (
            r#"[{"rel":"next","href":"/v3.1/users?starting_after=a"}]"#,
            LinkFault::NoAddress,
        ),
        (
            r#"[{"rel":"next","uri":"/v3.1/users?starting_after=a"},{"rel":"next","uri":"/v3.1/users?starting_after=b"}]"#,
            LinkFault::Two,
        ),
    ] {
        let (district, _) = serve([Json(linked("a", links))]).await;
        let error = error(&district).await;
        assert!(
            matches!(&error, ClientError::Walk { source: WalkError::Links { page: 1, fault: found }, .. } if *found == fault),
            "{links}: {error:?}"
        );
    }
}

#[tokio::test]
async fn field_01_an_unreadable_link_costs_itself_where_the_end_is_proven() {
    let odd = r#"[null,{"rel":"self","uri":"/v3.1/users"}]"#;
    let first = format!(
        r#"[null,{{"rel":"NEXT","uri":"{}"}},{{"rel":"prev","uri":null}}]"#,
        after("a")
    );
    // The list's last record is the walk's.
    let (district, script) = serve([
        Json(linked("a", &first)),
        Json(linked("b", odd)),
        Json(linked("b", odd)),
    ])
    .await;
    assert_eq!(ids(&district).await.unwrap(), ["a", "b"]);
    assert_eq!(
        script.asked.lock().unwrap()[2],
        "/v3.1/users?limit=1&ending_before=last"
    );
    // It is another one: the link that can't be read was the next one.
    let (district, _) = serve([Json(linked("a", odd)), Json(linked("b", odd))]).await;
    assert!(matches!(
        error(&district).await,
        ClientError::Walk {
            source: WalkError::Links {
                page: 1,
                fault: LinkFault::Unreadable
            },
            ..
        }
    ));
}

#[tokio::test]
async fn field_10_a_walk_that_comes_no_further_ends() {
    // The same record again and again, and no record at all, each time with another address.
    for again in ["a", ""] {
        let pages = (0..200).map(|number| {
            let next = format!("/v3.1/users?starting_after=a&token={number}");
            let page = page("a", Some(&next));
            Json(if again.is_empty() && number > 0 {
                format!(r#"{{"data":[],"links":[{{"rel":"next","uri":"{next}"}}]}}"#)
            } else {
                page
            })
        });
        let (district, script) = serve(pages).await;
        assert!(matches!(
            error(&district).await,
            ClientError::Walk {
                source: WalkError::NoProgress { page: 3 },
                ..
            }
        ));
        assert_eq!(script.asked.lock().unwrap().len(), 3);
    }
    // The same of events, which begin in the middle, and of a walk from the end.
    let next = |number: u32| format!("/v3.1/events?starting_after={number}");
    let pages = (0..9).map(|number| Json(page("a", Some(&next(number)))));
    let (district, _) = serve(pages).await;
    let walked: Result<Vec<_>, _> = district
        .events()
        .starting_after("b")
        .pages()
        .try_collect()
        .await;
    assert!(matches!(
        walked,
        Err(ClientError::Walk {
            source: WalkError::NoProgress { page: 2 },
            ..
        })
    ));
    let pages =
        (0..9).map(|number| Json(page("a", Some(&next(number))).replace("\"next\"", "\"prev\"")));
    let (district, _) = serve(pages).await;
    let walked: Result<Vec<_>, _> = district.events().pages_backward().try_collect().await;
    assert!(matches!(
        walked,
        Err(ClientError::Walk {
            source: WalkError::NoProgress { page: 3 },
            ..
        })
    ));
}

#[tokio::test]
async fn field_11_a_silence_ends_and_each_try_is_told() {
    let heard = Heard::default();
    let listens = |options: &mut ClientOptions| options.watch = Arc::new(heard.clone());
    // Nothing ever came, so a smaller page is not asked for.
    let (district, script) = serve_with(std::iter::repeat_n(Hang, 20), listens).await;
    assert!(matches!(
        error(&district).await,
        ClientError::Network { received: 0, .. }
    ));
    let asked = script.asked.lock().unwrap().clone();
    assert_eq!(asked, vec!["/v3.1/users?limit=2000"; 4]);
    let said = std::mem::take(&mut *heard.0.lock().unwrap());
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(
        said[0].starts_with("/v3.1/users: no answer in time; try 2 of 4 in "),
        "{said:?}"
    );

    // Something came, and not in time: less is asked for, after two tries each.
    let listens = |options: &mut ClientOptions| options.watch = Arc::new(heard.clone());
    let slow = [Trickle, Trickle, Json(page("a", None))];
    let (district, script) = serve_with(slow, listens).await;
    assert_eq!(ids(&district).await.unwrap(), ["a"]);
    assert_eq!(
        *script.asked.lock().unwrap(),
        [
            "/v3.1/users?limit=2000",
            "/v3.1/users?limit=2000",
            "/v3.1/users?limit=1000"
        ]
    );
    let said = heard.0.lock().unwrap().join("\n");
    assert!(said.contains("the answer took too long"), "{said}");
    assert!(said.contains("asking for 1000 records a page"), "{said}");

    // Whatever is tried, the silence has an end.
    for silent in [Hang, Trickle] {
        let short = |options: &mut ClientOptions| {
            options.max_silence = Duration::from_millis(700);
            options.retry.max_attempts = 1000;
        };
        let (district, _) = serve_with(std::iter::repeat_n(silent, 1000), short).await;
        let error = error(&district).await;
        assert!(matches!(error, ClientError::Silent { .. }), "{error:?}");
        assert!(error.is_transient() && error.kind() == ErrorKind::Network);
    }
}
