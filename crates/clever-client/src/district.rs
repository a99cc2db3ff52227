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
        let error = |source| ClientError::Walk {
            path: self
                .0
                .address(RecordKind::Districts.as_str(), &[])
                .path()
                .to_owned(),
            source,
        };
        let more = page
            .next()
            .map_err(|fault| error(WalkError::Links { page: 1, fault }))?;
        let found = page.len() + page.refused().len() + usize::from(more.is_some());
        if found != 1 {
            return Err(error(WalkError::NotOneDistrict { found }));
        }
        Ok(page)
    }

    /// The list of all records of a kind.
    pub fn list(&self, kind: RecordKind) -> ListRequest {
        // `/districts` alone knows no `limit`.
        ListRequest::new(
            Arc::clone(&self.0),
            kind.as_str(),
            kind != RecordKind::Districts,
        )
        .own()
    }

    /// The event feed, oldest first; Clever keeps 30 days of it.
    pub fn events(&self) -> ListRequest {
        ListRequest::new(Arc::clone(&self.0), "events", true).own()
    }

    /// Reads the id of the newest event; `None` when the feed is empty.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; [`WalkError::NoLastId`] when the newest event has no usable id: taken for an empty feed, it
    /// would set a cursor that skips events.
    pub async fn newest_event(&self) -> Result<Option<EventId>, ClientError> {
        let newest = self.events().newest().await?.map(EventId::new);
        newest.transpose().map_err(|_| ClientError::Walk {
            path: self.0.address("events", &[]).path().to_owned(),
            source: WalkError::NoLastId,
        })
    }
}
