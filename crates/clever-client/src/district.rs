//! What a district-app token may call.

use std::sync::Arc;

use clever_auth::{App, DistrictAppToken, district_tokens};
use clever_model::{DistrictId, EventId, RecordKind};
use clever_raw::page::RawPage;

use crate::error::{ClientError, ConnectError, SetupError, WalkError};
use crate::list::ListRequest;
use crate::options::ClientOptions;
use crate::sign_in::LoginService;
use crate::transport::{Bearer, Renewal, Transport};

/// One district, as its district-app token opens it. Clones share the connection and the rate limit.
#[derive(Debug, Clone)]
pub struct District(pub(crate) Arc<Transport>);

impl District {
    /// Prepares calls with `token`; makes none.
    ///
    /// # Errors
    ///
    /// [`SetupError`] when the options can't work.
    pub fn new(options: ClientOptions, token: DistrictAppToken) -> Result<Self, SetupError> {
        let version = options.version.as_str();
        Transport::new(options, Bearer::District(token), version, None).map(Self)
    }

    /// Prepares calls for one of the app's districts, with its token of now.
    ///
    /// When Clever refuses the token, it is read again, once for all clones: districts' tokens change,
    /// their ids don't. So store the id.
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    pub async fn connect(
        options: ClientOptions,
        service: LoginService,
        app: App,
        district: DistrictId,
    ) -> Result<Self, ConnectError> {
        let grants = service.district_grants(&app, Some(&district)).await?;
        let Some(grant) = district_tokens::current(&grants, &district) else {
            return Err(ConnectError::NotConnected(district));
        };
        let version = options.version.as_str();
        let token = Bearer::District(grant.token.clone());
        let renewal = Renewal {
            service,
            app,
            district,
            gate: tokio::sync::Mutex::default(),
        };
        Ok(Self(Transport::new(
            options,
            token,
            version,
            Some(renewal),
        )?))
    }

    /// Where this client reads, and in which version: the API's address, without a user, password or query.
    #[must_use]
    pub fn reads_from(&self) -> String {
        let url = self.0.address("", &[]);
        format!("{}{}", url.origin().ascii_serialization(), url.path())
    }

    /// Reads the district's own record, as a page of one.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; [`WalkError::NotOneDistrict`] when the token opens none or several.
    pub async fn district(&self) -> Result<RawPage, ClientError> {
        let page = self.list(RecordKind::Districts).first_page().await?;
        if page.len() == 1 {
            return Ok(page);
        }
        let path = self
            .0
            .address(RecordKind::Districts.as_str(), &[])
            .path()
            .to_owned();
        Err(ClientError::Walk {
            path,
            source: WalkError::NotOneDistrict { found: page.len() },
        })
    }

    /// The list of all records of a kind.
    pub fn list(&self, kind: RecordKind) -> ListRequest {
        // `/districts` alone knows no `limit`.
        ListRequest::new(
            Arc::clone(&self.0),
            kind.as_str(),
            kind != RecordKind::Districts,
        )
    }

    /// The event feed, oldest first; Clever keeps 30 days of it.
    pub fn events(&self) -> ListRequest {
        ListRequest::new(Arc::clone(&self.0), "events", true)
    }

    /// Reads the id of the newest event; `None` when the feed is empty.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; [`WalkError::NoEventId`] when the newest event has no usable id.
    pub async fn newest_event(&self) -> Result<Option<EventId>, ClientError> {
        let page = self
            .events()
            .limit(1)
            .ending_before("last")
            .first_page()
            .await?;
        let newest = page.records().last().map(|event| EventId::new(event.id));
        match newest {
            Some(Ok(id)) => Ok(Some(id)),
            None if page.refused().is_empty() => Ok(None),
            // Taken for an empty feed, it would set a cursor that skips events.
            _ => Err(ClientError::Walk {
                path: self.0.address("events", &[]).path().to_owned(),
                source: WalkError::NoEventId,
            }),
        }
    }
}
